"""SynthesizedClassifier keeps scikit-learn's contract, for every kind of label and of picture."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from engines import SIZE, as_pictures, colored_support, save_tiny_engine
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from sgps.errors import InputError
from sgps.estimator import SynthesizedClassifier
from sgps.target.checkpoint import TargetNetwork
from sgps.target.typicality import TYPICALITY_FILE

PICTURES, NAMES = as_pictures(colored_support((4, 4, 4), seed=1))
HELD_OUT, TRUTH = as_pictures(colored_support((5, 5, 5), seed=2))
TEXTS = {"red": "a red field", "blue": ["a blue field", "blue all over"]}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_engine(tmp_path_factory.mktemp("engines") / "tiny"))


@pytest.fixture(scope="module")
def fitted(engine: str) -> SynthesizedClassifier:
    return SynthesizedClassifier(engine=engine).fit(PICTURES, NAMES)


def test_descriptions_that_are_mixed_up_are_warned_of(engine: str) -> None:
    blue, green = ["a blue field", "blue all over"], ["a green field", "green all over"]
    SynthesizedClassifier({"blue": blue, "green": green}, engine).fit(PICTURES, NAMES)
    mixed_up = SynthesizedClassifier({"blue": green, "green": blue}, engine)
    with pytest.warns(UserWarning, match=r"Check that each description stands with its own class"):
        mixed_up.fit(PICTURES, NAMES)


def _numbered(labels: dict[str, object]) -> list[object]:
    """The labels of `PICTURES` under other names."""
    return [labels[name] for name in NAMES]


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learn_finds_no_fault(check: Callable[[str, SynthesizedClassifier], None]) -> None:
    check("SynthesizedClassifier", SynthesizedClassifier(class_descriptions=TEXTS))


@pytest.mark.parametrize(
    "use",
    [
        lambda clf: clf.predict(PICTURES),
        lambda clf: clf.predict_proba(PICTURES),
        lambda clf: clf.score_samples(PICTURES),
        lambda clf: clf.save_pretrained("nowhere"),
        lambda clf: clf.to_onnx("nowhere.onnx"),
        lambda clf: clf.state_dict_,
    ],
    ids=["predict", "predict_proba", "score_samples", "save_pretrained", "to_onnx", "state_dict_"],
)
def test_nothing_can_be_asked_before_fit(use: Callable[[SynthesizedClassifier], object]) -> None:
    with pytest.raises(NotFittedError, match=r"^This SynthesizedClassifier instance is not fitted"):
        use(SynthesizedClassifier())


def test_fit_returns_the_classifier_and_learns_what_it_says(engine: str) -> None:
    clf = SynthesizedClassifier(class_descriptions=TEXTS, engine=engine, device="cpu")
    assert clf.fit(PICTURES[:-1], NAMES[:-1]) is clf
    assert clf.classes_.tolist() == ["blue", "green", "red"]
    assert clf.n_support_.tolist() == [4, 4, 3]
    assert re.fullmatch(r"[0-9a-f]{64}", clf.engine_digest_)
    assert clf.network_.descriptions == (("a blue field", "blue all over"), (), ("a red field",))
    assert set(clf.state_dict_) > {"conv_stem.weight", "bn1.running_var", "classifier.bias"}


def test_held_out_pictures_are_recognized(fitted: SynthesizedClassifier) -> None:
    assert fitted.score(HELD_OUT, TRUTH) > 0.9


def test_probabilities_have_a_column_a_class_and_add_up_to_one(
    fitted: SynthesizedClassifier,
) -> None:
    found = fitted.predict_proba(HELD_OUT)
    assert found.shape == (15, 3)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
    assert (fitted.predict(HELD_OUT) == fitted.classes_[found.argmax(1)]).all()


LABELS = {
    "text": {"red": "b", "green": "c", "blue": "a"},
    "text in another order": {"red": "a", "green": "b", "blue": "c"},
    "numbers whose text sorts otherwise": {"red": 2, "green": 10, "blue": 9},
    "negative numbers": {"red": 0, "green": -10, "blue": -9},
    "whole floats": {"red": 2.0, "green": 10.0, "blue": 1.0},
    "truth values": {"red": True, "green": False, "blue": False},
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_columns_follow_the_sorted_labels_of_any_type_also_after_loading(
    engine: str, labels: dict[str, object], tmp_path: Path
) -> None:
    clf = SynthesizedClassifier(engine=engine).fit(PICTURES, _numbered(labels))
    assert clf.classes_.tolist() == sorted(set(labels.values()))
    expected = [labels[name] for name in TRUTH]
    assert clf.score(HELD_OUT, expected) > 0.9

    clf.save_pretrained(tmp_path / "saved")
    loaded = SynthesizedClassifier.from_pretrained(tmp_path / "saved")
    assert loaded.classes_.tolist() == clf.classes_.tolist()
    assert loaded.classes_.dtype.kind == clf.classes_.dtype.kind
    assert loaded.n_support_.tolist() == clf.n_support_.tolist()
    assert loaded.predict(HELD_OUT).tolist() == clf.predict(HELD_OUT).tolist()
    np.testing.assert_allclose(
        loaded.predict_proba(HELD_OUT), clf.predict_proba(HELD_OUT), atol=1e-6
    )


@settings(max_examples=5, deadline=None)
@given(labels=st.sets(st.integers(-99, 99), min_size=3, max_size=3))
def test_any_numbers_keep_their_columns(engine: str, labels: set[int]) -> None:
    clf = SynthesizedClassifier(engine=engine)
    clf.fit(PICTURES, _numbered(dict(zip(("red", "green", "blue"), labels, strict=True))))
    by_name = SynthesizedClassifier(engine=engine).fit(PICTURES, NAMES)
    columns = [clf.classes_.tolist().index(label) for label in labels]
    expected = by_name.predict_proba(HELD_OUT)[:, [2, 1, 0]]
    np.testing.assert_allclose(clf.predict_proba(HELD_OUT)[:, columns], expected, atol=1e-5)


def test_descriptions_of_numbered_classes_find_their_class(engine: str) -> None:
    labels = {"red": 2, "green": 10, "blue": 9}
    clf = SynthesizedClassifier({10: "a green field"}, engine=engine)
    assert clf.fit(PICTURES, _numbered(labels)).network_.descriptions == (
        (),
        (),
        ("a green field",),
    )


def test_the_order_of_the_support_pictures_does_not_matter(
    engine: str, fitted: SynthesizedClassifier
) -> None:
    order = np.random.default_rng(0).permutation(len(PICTURES))
    shuffled = SynthesizedClassifier(engine=engine)
    shuffled.fit([PICTURES[i] for i in order], [NAMES[i] for i in order])
    for name, tensor in fitted.state_dict_.items():
        assert torch.equal(shuffled.state_dict_[name], tensor), name


def test_the_probabilities_of_a_picture_do_not_depend_on_the_others(
    fitted: SynthesizedClassifier,
) -> None:
    whole = fitted.predict_proba(HELD_OUT)
    np.testing.assert_allclose(fitted.predict_proba(HELD_OUT[4:7]), whole[4:7], atol=1e-6)
    one_by_one = np.concatenate([fitted.predict_proba([picture]) for picture in HELD_OUT])
    np.testing.assert_allclose(one_by_one, whole, atol=1e-6)
    backwards = fitted.predict_proba(HELD_OUT[::-1])[::-1]
    np.testing.assert_allclose(backwards, whole, atol=1e-6)


def test_a_picture_of_another_kind_is_less_typical(fitted: SynthesizedClassifier) -> None:
    shares = fitted.score_samples(HELD_OUT)
    assert shares.shape == (len(HELD_OUT),)
    noise = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
    assert fitted.score_samples(list(noise)).max() < np.median(shares)


def test_nothing_is_typical_of_a_class_without_pictures(
    fitted: SynthesizedClassifier, tmp_path: Path
) -> None:
    fitted.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / TYPICALITY_FILE).unlink()
    loaded = SynthesizedClassifier.from_pretrained(tmp_path / "model")
    with pytest.raises(InputError, match="Fit with a picture of every class"):
        loaded.score_samples(HELD_OUT)


def test_no_picture_gives_no_row(fitted: SynthesizedClassifier) -> None:
    assert fitted.predict_proba([]).shape == (0, 3)
    assert fitted.predict([]).tolist() == []


def test_a_fitted_classifier_survives_pickling(fitted: SynthesizedClassifier) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict_proba(HELD_OUT) == fitted.predict_proba(HELD_OUT)).all()


def test_a_clone_has_the_parameters_and_nothing_learned(engine: str) -> None:
    clf = SynthesizedClassifier(TEXTS, engine=engine, device="cpu", random_state=3)
    copy = clone(clf.fit(PICTURES, NAMES))
    assert copy.get_params() == clf.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]
    assert copy.fit(PICTURES, NAMES).score(HELD_OUT, TRUTH) > 0.9


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The same pictures as each kind that is taken."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number}.png" for number in range(len(PICTURES))]
    for picture, path in zip(PICTURES, paths, strict=True):
        picture.save(path)
    return {
        "PIL": PICTURES,
        "paths": paths,
        "texts": np.array([str(path) for path in paths]),
        "array": np.stack([np.asarray(picture) for picture in PICTURES]),
    }


@pytest.mark.parametrize("kind", ["PIL", "paths", "texts", "array"])
def test_every_kind_of_picture_can_be_cross_validated(
    engine: str, every_kind: dict[str, object], kind: str
) -> None:
    clf = SynthesizedClassifier(engine=engine)
    scores = cross_val_score(clf, every_kind[kind], NAMES, cv=2, error_score="raise")
    assert scores.mean() > 0.8


def test_every_kind_of_picture_gives_the_same(
    fitted: SynthesizedClassifier, every_kind: dict[str, object]
) -> None:
    first, *others = [fitted.predict_proba(pictures) for pictures in every_kind.values()]
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-6)


def test_a_pipeline_may_end_in_it(engine: str, every_kind: dict[str, object]) -> None:
    mirrored = FunctionTransformer(lambda arrays: arrays[:, :, ::-1])
    pipeline = Pipeline([("mirror", mirrored), ("classify", SynthesizedClassifier())])
    pipeline.set_params(classify__engine=engine, classify__class_descriptions={"red": "red"})
    pipeline.fit(every_kind["array"], NAMES)
    assert pipeline.classes_.tolist() == ["blue", "green", "red"]
    assert pipeline.score(np.stack([np.asarray(picture) for picture in HELD_OUT]), TRUTH) > 0.9


def test_a_saved_classifier_gives_the_same_after_loading(engine: str, tmp_path: Path) -> None:
    clf = SynthesizedClassifier(TEXTS, engine=engine).fit(PICTURES, NAMES)
    clf.save_pretrained(tmp_path / "saved")
    loaded = SynthesizedClassifier.from_pretrained(tmp_path / "saved")
    assert loaded.classes_.tolist() == clf.classes_.tolist()
    assert loaded.engine_digest_ == clf.engine_digest_
    assert loaded.class_descriptions == {"red": ["a red field"], "blue": TEXTS["blue"]}
    np.testing.assert_allclose(
        loaded.predict_proba(HELD_OUT), clf.predict_proba(HELD_OUT), atol=1e-6
    )
    assert clone(loaded).get_params() == loaded.get_params()
    assert loaded.set_params(engine=engine).fit(PICTURES, NAMES).score(HELD_OUT, TRUTH) > 0.9


def test_labels_that_are_text_stay_text_even_if_they_look_like_numbers(
    engine: str, tmp_path: Path
) -> None:
    labels = _numbered({"red": "2", "green": "10", "blue": "9"})
    SynthesizedClassifier(engine=engine).fit(PICTURES, labels).save_pretrained(tmp_path / "saved")
    loaded = SynthesizedClassifier.from_pretrained(tmp_path / "saved")
    assert loaded.classes_.tolist() == ["10", "2", "9"]


def test_a_folder_in_another_order_of_classes_is_sorted_on_loading(
    fitted: SynthesizedClassifier, tmp_path: Path
) -> None:
    fitted.network_.reordered([2, 0, 1]).save(tmp_path / "turned")
    loaded = SynthesizedClassifier.from_pretrained(tmp_path / "turned")
    assert loaded.classes_.tolist() == ["blue", "green", "red"]
    np.testing.assert_allclose(
        loaded.predict_proba(HELD_OUT), fitted.predict_proba(HELD_OUT), atol=1e-6
    )


def test_class_names_that_should_be_numbers_and_are_not_are_refused(
    engine: str, tmp_path: Path
) -> None:
    labels = _numbered({"red": 2, "green": 10, "blue": 9})
    SynthesizedClassifier(engine=engine).fit(PICTURES, labels).save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["label_names"][0] = "two"
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(
        InputError,
        match=r"^the class names in '.*saved' are not the numbers they should be: two, 9, 10\. Copy",
    ):
        SynthesizedClassifier.from_pretrained(tmp_path / "saved")


def test_saving_over_an_existing_folder_is_refused(
    fitted: SynthesizedClassifier, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"^'.*' exists already\. Choose another name or remove"):
        fitted.save_pretrained(tmp_path)


def test_the_onnx_file_gives_the_same_probabilities(
    fitted: SynthesizedClassifier, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    assert fitted.to_onnx(tmp_path / "model.onnx") <= 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    images = torch.from_numpy(np.stack([np.asarray(p) for p in HELD_OUT])).permute(0, 3, 1, 2)
    feed = {"images": fitted.network_.preprocessing.normalize(images).numpy()}
    logits = torch.from_numpy(session.run(["logits"], feed)[0])
    np.testing.assert_allclose(logits.softmax(1), fitted.predict_proba(HELD_OUT), atol=1e-5)


@pytest.mark.parametrize("names", [NAMES[:-1], [*NAMES, "red"], []])
def test_a_wrong_number_of_labels_is_refused(engine: str, names: list[str]) -> None:
    with pytest.raises(
        InputError, match=rf"^12 pictures but {len(names)} labels\. Give one label a picture\.$"
    ):
        SynthesizedClassifier(engine=engine).fit(PICTURES, names)


def test_one_class_is_refused(engine: str) -> None:
    with pytest.raises(InputError, match=r"^a classifier needs at least 2 classes, got red\. Add"):
        SynthesizedClassifier(engine=engine).fit(PICTURES, ["red"] * len(PICTURES))


def test_no_picture_at_all_is_refused(engine: str) -> None:
    with pytest.raises(InputError, match=r"^a classifier needs at least 2 classes, got none\. Add"):
        SynthesizedClassifier(engine=engine).fit([], [])


def test_measured_values_are_no_labels(engine: str) -> None:
    with pytest.raises(ValueError, match=r"^Unknown label type: continuous"):
        SynthesizedClassifier(engine=engine).fit(PICTURES, np.linspace(0, 1, len(PICTURES)))


def test_all_descriptions_of_unknown_classes_are_listed(engine: str) -> None:
    texts = {"red": "red", "rde": "red", "grene": "green"}
    with pytest.raises(
        InputError,
        match=r"^descriptions name unknown classes: grene, rde; the classes are blue, green, red\.$",
    ):
        SynthesizedClassifier(texts, engine=engine).fit(PICTURES, NAMES)


@pytest.mark.parametrize("text", [None, 3, "", ["red", None], b"red"])
def test_all_descriptions_that_are_not_text_are_listed(engine: str, text: object) -> None:
    texts = {"red": text, "green": "green", "blue": text}
    with pytest.raises(
        InputError, match=r"^the description of 'blue', 'red' is blank or not text\. Write"
    ):
        SynthesizedClassifier(texts, engine=engine).fit(PICTURES, NAMES)


def test_all_pictures_that_cannot_be_used_are_listed(
    fitted: SynthesizedClassifier, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    given = [PICTURES[0], tmp_path / "none.png", tmp_path / "text.png", np.zeros((4, 4, 3))]
    with pytest.raises(
        InputError,
        match=r"^3 of 4 pictures cannot be used: .*none\.png does not exist, .*text\.png is not a "
        r"picture \(.*\), number 4 is an array of float64",
    ):
        fitted.predict(given)


@pytest.mark.parametrize(
    "single",
    ["a.png", Path("a.png"), PICTURES[0], np.asarray(PICTURES[0]), np.asarray(PICTURES[0])[..., 0]],
    ids=["text", "path", "PIL", "color array", "gray array"],
)
def test_a_single_picture_is_not_taken_for_several(
    fitted: SynthesizedClassifier, single: object
) -> None:
    with pytest.raises(InputError, match=r"^one picture given where several are expected\. Put it"):
        fitted.predict(single)


def test_a_stack_of_gray_pictures_is_several(fitted: SynthesizedClassifier) -> None:
    gray = np.stack([np.asarray(picture.convert("L")) for picture in HELD_OUT])
    assert gray.shape == (15, SIZE, SIZE)
    expected = fitted.predict_proba([Image.fromarray(array) for array in gray])
    np.testing.assert_allclose(fitted.predict_proba(gray), expected, atol=1e-6)


def test_a_refused_fit_leaves_what_was_learned_before(engine: str) -> None:
    clf = SynthesizedClassifier(engine=engine).fit(PICTURES, NAMES)
    with pytest.raises(InputError, match=r"^a classifier needs"):
        clf.fit(PICTURES, ["red"] * len(PICTURES))
    assert isinstance(clf.network_, TargetNetwork)
    assert clf.classes_.tolist() == ["blue", "green", "red"]


def test_an_unknown_engine_is_named_only_when_it_is_needed() -> None:
    clf = SynthesizedClassifier(engine="nowhere")
    with pytest.raises(InputError, match=r"^no engine 'nowhere': "):
        clf.fit(PICTURES, NAMES)
