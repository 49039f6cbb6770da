"""What the whole engine promises about a synthesis."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch
from engines import (
    SIZE,
    TEXT_WIDTH,
    HashedText,
    colored_support,
    texts_of,
    tiny_engine,
    tiny_network,
)
from safetensors.torch import load_file, save_file

from sgps.engine.config import ENGINE_PARTS
from sgps.engine.engine import Engine, resolve_device, shipped_engines
from sgps.engine.model import TaskTensors
from sgps.errors import InputError
from sgps.target.network import pooled_features
from sgps.task import SupportSet


def _images(count: int = 6, seed: int = 9) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=generator).to(torch.uint8)


def _permuted(support: SupportSet, order: list[int]) -> SupportSet:
    """The same task with its classes in another order."""
    place = {old: new for new, old in enumerate(order)}
    return SupportSet(
        images=support.images,
        labels=torch.tensor([place[int(label)] for label in support.labels]),
        class_names=tuple(support.class_names[old] for old in order),
        descriptions=tuple(support.descriptions[old] for old in order),
    )


def test_every_tensor_differs_between_two_tasks() -> None:
    engine = tiny_engine()
    first = engine.synthesize(colored_support(seed=1)).weights
    second = engine.synthesize(colored_support(seed=2)).weights
    assert [name for name in first if torch.equal(first[name], second[name])] == []


def test_the_same_task_gives_the_same_bytes(tmp_path) -> None:
    for name in ("one", "two"):
        tiny_engine().synthesize(colored_support()).save(tmp_path / name)
    one, two = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 1, 0], [0, 2, 1]])
def test_permuting_classes_permutes_the_logits_exactly(order: list[int]) -> None:
    engine, support, images = tiny_engine(), colored_support((2, 3, 4)), _images()
    plain = engine.synthesize(support).logits(images)
    permuted = engine.synthesize(_permuted(support, order)).logits(images)
    assert torch.equal(permuted, plain[:, order])


def test_shuffling_the_support_images_leaves_the_weights_unchanged() -> None:
    engine, support = tiny_engine(), colored_support()
    order = torch.randperm(len(support.labels), generator=torch.Generator().manual_seed(3))
    shuffled = dataclasses.replace(
        support, images=support.images[order], labels=support.labels[order]
    )
    plain, other = engine.synthesize(support).weights, engine.synthesize(shuffled).weights
    for name, tensor in plain.items():
        torch.testing.assert_close(other[name], tensor, atol=1e-5, rtol=0)


def test_the_network_itself_is_invariant_to_shots_and_equivariant_to_classes() -> None:
    # Without the canonical order that synthesize() puts a task into first.
    engine, support = tiny_engine(), colored_support((2, 3, 4))
    order = [2, 0, 1]
    with torch.no_grad():
        plain = engine.network(engine.task_tensors(support))
        turned = _permuted(support, order)
        turned = dataclasses.replace(
            turned, images=turned.images.flip(0), labels=turned.labels.flip(0)
        )
        other = engine.network(engine.task_tensors(turned))
    for name, tensor in plain.items():
        expected = tensor[order] if name.startswith("classifier") else tensor
        torch.testing.assert_close(other[name], expected, atol=1e-4, rtol=1e-4)


def test_many_pictures_of_a_class_get_fewer_views() -> None:
    network = tiny_network()

    def views(shots: int) -> int:
        labels = torch.arange(3).repeat_interleave(shots)
        images, texts = torch.zeros(len(labels), 3, SIZE, SIZE), torch.zeros(3, TEXT_WIDTH)
        has_text = torch.zeros(3, dtype=torch.bool)
        task = TaskTensors(images=images, labels=labels, text=texts, has_text=has_text)
        return network.views_of(task)

    assert [views(shots) for shots in (0, 1, 10, 11, 30)] == [2, 2, 2, 1, 1]


def test_an_untrained_generator_returns_the_base() -> None:
    engine = tiny_engine(trained=False)
    synthesized = engine.synthesize(colored_support()).weights
    for name, tensor in engine.network.generator.base_weights().items():
        assert torch.equal(synthesized[name], tensor)


def test_a_conditioned_backbone_follows_the_other_support_and_the_head_its_own() -> None:
    engine = tiny_engine()
    own, other = colored_support(seed=1), colored_support(seed=2)
    mixed = engine.synthesize(own, condition_on=[other])
    reference = engine.synthesize(other)
    assert torch.equal(mixed.weights["conv_stem.weight"], reference.weights["conv_stem.weight"])
    assert not torch.equal(
        mixed.weights["classifier.weight"], reference.weights["classifier.weight"]
    )


def test_a_backbone_conditioned_on_several_supports_is_their_average():
    engine = tiny_engine()
    own, one, two = (colored_support(seed=seed) for seed in (1, 2, 3))
    mixed = engine.synthesize(own, condition_on=[one, two]).weights["conv_stem.weight"]
    parts = [engine.synthesize(s).weights["conv_stem.weight"] for s in (one, two)]
    torch.testing.assert_close(mixed, (parts[0] + parts[1]) / 2)


def test_without_experts_and_scales_the_backbone_is_the_base():
    engine, support = tiny_engine(), colored_support()
    bare = engine.synthesize(support, without=("experts", "channel-scales"))
    for name, tensor in engine.network.generator.base_weights().items():
        torch.testing.assert_close(bare.weights[name], tensor)


@pytest.mark.parametrize("part", ENGINE_PARTS)
def test_each_part_changes_the_weights(part: str) -> None:
    engine, support = tiny_engine(), colored_support()
    whole, less = engine.synthesize(support), engine.synthesize(support, without=[part])
    # What words say of classes that nothing is known of, only the head is told.
    tensor = "classifier.weight" if part == "lexicon" else "conv_stem.weight"
    assert not torch.equal(whole.weights[tensor], less.weights[tensor])


def test_classes_of_a_hidden_set_are_not_recalled() -> None:
    engine, support = tiny_engine(), colored_support()
    whole = engine.synthesize(support)
    hidden = engine.synthesize(support, hidden_set="colors")
    assert "colors/green" in whole.provenance["recalled"]["green"]["classes"]
    assert "colors" not in json.dumps(hidden.provenance["recalled"])
    assert not torch.equal(whole.weights["classifier.weight"], hidden.weights["classifier.weight"])
    other = engine.synthesize(support, hidden_set="a set that it has never met")
    assert torch.equal(whole.weights["classifier.weight"], other.weights["classifier.weight"])
    condition = colored_support(seed=2)
    backbones = [
        engine.synthesize(support, condition_on=[condition], hidden_set=name).weights
        for name in (None, "colors")
    ]
    assert not torch.equal(*(own["conv_stem.weight"] for own in backbones))


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(InputError, match=r"^no part of an engine: wheels\. The parts are memory, "):
        tiny_engine().synthesize(colored_support(), without=["wheels"])


def test_a_classifier_tells_what_its_descriptions_brought_to_mind() -> None:
    told = tiny_engine().synthesize(colored_support()).provenance["recalled"]
    assert set(told) == {"blue", "green"}
    assert told["green"]["classes"] == ["colors/green"]
    # The class itself is known: worth several pictures.
    assert 3 < told["green"]["pictures"] < 6
    bare = colored_support(described=(False,) * 3)
    assert tiny_engine().synthesize(bare).provenance["recalled"] == {}


def test_a_classifier_tells_what_was_heard_in_its_descriptions() -> None:
    told = tiny_engine().synthesize(colored_support()).provenance["heard"]
    assert told == {name: [f"color {name}"] for name in ("blue", "green", "red")}
    alone = colored_support(described=(True, False, False))
    assert tiny_engine().synthesize(alone).provenance["heard"] == {}
    assert tiny_engine(trained=False).synthesize(colored_support()).provenance["heard"] == {}
    off = tiny_engine().synthesize(colored_support(), without=["lexicon"])
    assert off.provenance["heard"] == {}


def test_pictures_that_contradict_their_descriptions_outweigh_them() -> None:
    support = colored_support((3, 3))
    swapped = dataclasses.replace(support, descriptions=support.descriptions[::-1])
    right, wrong = (tiny_engine().synthesize(own).provenance for own in (support, swapped))
    assert right["agreement"] == 1
    assert wrong["agreement"] < 0.2
    assert wrong["recalled"] == {}


def test_descriptions_that_recall_nothing_cannot_be_contradicted() -> None:
    bare = colored_support(described=(False,) * 3)
    assert tiny_engine().synthesize(bare).provenance["agreement"] == 1


def test_descriptions_become_points_among_features() -> None:
    engine = tiny_engine()
    points = engine.text_features([texts_of("blue"), texts_of("green")])
    features = engine.base_features(colored_support((6, 6)).images)
    means = torch.stack([features[:6].mean(0), features[6:].mean(0)])
    likeness = torch.nn.functional.cosine_similarity(
        points[0] - points[1], means[0] - means[1], dim=0
    )
    assert likeness > 0.9
    assert engine.text_features([texts_of("blue"), ()]) is None


@pytest.mark.parametrize(
    ("shots", "described"),
    [
        ((3, 3), (True, True)),
        ((3, 3), (False, False)),
        ((0, 0), (True, True)),
        ((0, 3), (True, False)),
    ],
    ids=["both", "images only", "text only", "mixed"],
)
def test_each_kind_of_support_gives_finite_probabilities(
    shots: tuple[int, ...], described: tuple[bool, ...]
) -> None:
    support = colored_support(shots, described=described)
    probabilities = tiny_engine().synthesize(support).probabilities(_images())
    assert torch.isfinite(probabilities).all()
    torch.testing.assert_close(probabilities.sum(1), torch.ones(6))


def test_other_descriptions_give_other_weights() -> None:
    engine, support = tiny_engine(), colored_support()
    other = dataclasses.replace(support, descriptions=tuple(reversed(support.descriptions)))
    plain, changed = engine.synthesize(support).weights, engine.synthesize(other).weights
    assert not torch.equal(plain["conv_stem.weight"], changed["conv_stem.weight"])
    assert not torch.equal(plain["classifier.weight"], changed["classifier.weight"])


def test_a_synthesized_classifier_recognizes_the_colors_it_was_shown() -> None:
    engine, rates = tiny_engine(), []
    for seed in (1, 3, 5):
        support, held_out = (colored_support((n,) * 3, seed + n) for n in (5, 9))
        guesses = engine.synthesize(support).probabilities(held_out.images).argmax(1)
        rates.append((guesses == held_out.labels).float().mean())
    assert torch.stack(rates).mean() > 0.9


def test_a_saved_engine_synthesizes_the_same_after_loading_twice(tmp_path) -> None:
    tiny_engine().save_pretrained(tmp_path / "engine", "# card\n")
    once = Engine.from_pretrained(tmp_path / "engine", "cpu")
    assert len(once.digest) == 64
    once.save_pretrained(tmp_path / "again", "# card\n")
    twice = Engine.from_pretrained(tmp_path / "again", "cpu")
    for engine in (once, twice):
        engine._text_encoder = HashedText()
    support = colored_support()
    first, second = once.synthesize(support).weights, twice.synthesize(support).weights
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-4, rtol=1e-3)


def test_storage_loses_little(tmp_path) -> None:
    network = tiny_network()
    Engine(network).save_pretrained(tmp_path / "engine")
    loaded = Engine.from_pretrained(tmp_path / "engine", "cpu").network
    kept, stored = network.generator, loaded.generator
    torch.testing.assert_close(stored.base, kept.base, atol=1e-4, rtol=1e-3)
    error = (stored.directions - kept.directions).square().mean().sqrt()
    assert error < 0.01 * kept.directions.square().mean().sqrt()


def test_many_pictures_are_read_in_parts_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    support = colored_support((4, 4, 4))
    whole = tiny_engine().synthesize(support).weights
    monkeypatch.setattr("sgps.engine.encoders.AT_ONCE", 5)
    monkeypatch.setattr("sgps.engine.model.AT_ONCE", 5)
    for name, tensor in tiny_engine().synthesize(support).weights.items():
        torch.testing.assert_close(tensor, whole[name], atol=1e-5, rtol=1e-4)


def test_more_pictures_than_an_engine_reads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgps.engine.engine._MOST_PICTURES", 8)
    with pytest.raises(
        InputError, match=r"has 9 pictures, and an engine reads 8 at most\. Give fewer"
    ):
        tiny_engine().synthesize(colored_support((3, 3, 3)))


def test_numbers_too_large_for_storage_are_the_largest(tmp_path: Path) -> None:
    network = tiny_network()
    network.head.metric_values.fill_(1e6)
    Engine(network).save_pretrained(tmp_path / "engine")
    loaded = Engine.from_pretrained(tmp_path / "engine", "cpu").network
    assert loaded.head.metric_values.tolist() == [65504.0] * len(network.head.metric_values)


def test_base_and_joined_features_are_those_of_base_and_experts() -> None:
    engine, images = tiny_engine(), _images()
    inputs = engine.preprocessing.normalize(images)
    network = engine.network
    base = pooled_features(network.architecture, network.generator.base_weights(), inputs)
    torch.testing.assert_close(engine.base_features(images), base)
    architecture, weights = engine.base_network()
    torch.testing.assert_close(pooled_features(architecture, weights, inputs), base)
    joined = engine.joined_features(images)
    assert joined.shape == (6, 3 * base.shape[1])
    torch.testing.assert_close(joined[:, : base.shape[1]], torch.nn.functional.normalize(base))


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(
        InputError, match=r"^no engine 'nowhere': it is neither a folder nor a shipped"
    ):
        Engine.from_pretrained("nowhere")


def test_a_folder_of_a_shipped_engines_name_does_not_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = Engine.from_pretrained("default", "cpu")
    for name in ("default", shipped.config.name):
        tiny_engine().save_pretrained(tmp_path / name)
        assert Engine.from_pretrained(name, "cpu").digest == shipped.digest
        assert Engine.from_pretrained(f"./{name}", "cpu").digest != shipped.digest
        assert Engine.from_pretrained(Path(name), "cpu").digest != shipped.digest


def _break(folder, what: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    weights = folder / "engine.safetensors"
    if what == "no weights":
        weights.unlink()
    elif what == "truncated weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif what in ("a base of one number", "not finite"):
        tensors = load_file(weights)
        tensors["base"] = tensors["base"][:1] if what != "not finite" else tensors["base"] / 0
        save_file(tensors, weights)
    elif what == "configuration is not JSON":
        (folder / "config.json").write_text("{")
    else:
        config |= {"another version": {"format_version": 99}, "unknown key": {"colour": 1}}.get(
            what, {"width": 32}
        )
        (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no weights", "holds no engine"),
        ("truncated weights", "is damaged"),
        ("configuration is not JSON", "is not the configuration of an engine"),
        ("another version", "has format version 99; this sgps reads version 4"),
        ("unknown key", "has unknown or missing keys: colour"),
        ("weights of another shape", "does not fit its config.json"),
        ("a base of one number", "does not fit its config.json: base. Copy the engine again."),
        ("not finite", "does not fit its config.json: base. Copy the engine again."),
    ],
)
def test_a_damaged_or_foreign_engine_is_refused_in_one_line(
    tmp_path, what: str, message: str
) -> None:
    folder = tmp_path / "engine"
    tiny_engine().save_pretrained(folder)
    _break(folder, what)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        Engine.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_saving_over_an_existing_folder_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"exists already"):
        tiny_engine().save_pretrained(tmp_path)


def test_pictures_of_another_size_are_refused() -> None:
    support = colored_support()
    small = dataclasses.replace(support, images=support.images[:, :, :16, :16])
    with pytest.raises(InputError, match=r"^the support pictures must be uint8 \(n, 3, 32, 32\)"):
        tiny_engine().synthesize(small)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match=r"^device must be auto, cpu or cuda, got 'tpu'"):
        resolve_device("tpu")


def test_of_several_shipped_engines_the_last_is_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("v2b0-10", "v2b0-9", "v2b0-11.2", "v2b0-11.10", "notes"):
        (tmp_path / name).mkdir()
        if name != "notes":
            (tmp_path / name / "config.json").touch()
    monkeypatch.setattr("sgps.engine.engine._SHIPPED", tmp_path)
    assert shipped_engines() == ("v2b0-9", "v2b0-10", "v2b0-11.2", "v2b0-11.10")


def test_the_shipped_engine_is_small_and_carries_a_card() -> None:
    from sgps.engine import engine as module

    assert shipped_engines()
    for name in shipped_engines():
        folder = module._SHIPPED / name
        size = sum(path.stat().st_size for path in folder.iterdir())
        assert size < 48e6
        assert "Not a medical device" in (folder / "README.md").read_text(encoding="utf-8")
