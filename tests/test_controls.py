"""Controls: what an engine is given in place of a task, and what it may use."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from colors import (  # noqa: F401
    COLORS,
    PLAN,
    TEXTS,
    ColorEngine,
    brief_tuning,
    colors,
    draw_folder,
    engine,
    folder,
    mean_colors,
)

from sgps.clinical.conditions import STYLES, conditions
from sgps.clinical.reading import check_class, read
from sgps.datasets.catalogue import descriptions_of
from sgps.engine.config import ENGINE_PARTS
from sgps.errors import InputError
from sgps.evaluation.benchmark import Running, run_benchmark
from sgps.evaluation.controls import (
    SYNTHESIS,
    borrowed,
    derangement,
    draw_texts,
    following,
    foreign_texts,
    nearest_task,
    reworded,
)
from sgps.evaluation.sets import read_benchmark_set
from sgps.evaluation.work import WorkFolder


def given(colors, method, plan=PLAN):
    """What the engine was asked by a control, and by sgps in the same episodes."""
    asked = []
    for name in (method, "sgps"):
        engine = ColorEngine()
        run_benchmark([colors], [name], plan, engine=engine)
        asked.append(engine.asked)
    return asked


def same(one, other):
    return torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


@pytest.fixture(scope="module")
def skin(colors):
    """The same pictures under names of three skin diseases, which the catalogue describes."""
    labels = {"amber": "df", "blue": "mel", "green": "vasc"}
    pictures = tuple(replace(one, label=labels[one.label]) for one in colors.pictures)
    texts = descriptions_of("ham10000")
    own = {label: texts[label] for label in labels.values()}
    return replace(colors, name="ham10000", pictures=pictures, descriptions=own)


@pytest.mark.parametrize("method", [name for name in SYNTHESIS if name != "sgps-text-only"])
def test_every_control_gives_the_head_the_episodes_own_pictures(skin, method):
    controlled, plain = given(skin, method)
    assert len(controlled) == len(plain) == 6
    assert all(same(one.support, two.support) for one, two in zip(controlled, plain, strict=True))


@pytest.mark.parametrize(
    ("method", "without"),
    [
        ("sgps-no-memory", ("memory",)),
        ("sgps-no-lexicon", ("lexicon",)),
        ("sgps-no-experts", ("experts",)),
        ("sgps-no-channel-scales", ("channel-scales",)),
        ("sgps-base", ENGINE_PARTS),
    ],
)
def test_a_part_is_switched_off_and_nothing_else_is_changed(colors, method, without):
    controlled, plain = given(colors, method)
    for one, two in zip(controlled, plain, strict=True):
        assert one.without == without
        assert one.condition_on == two.condition_on == two.without == ()
        assert one.support.descriptions == two.support.descriptions


def test_the_engine_must_not_remember_the_sets_own_classes_and_nothing_else_is_changed(colors):
    controlled, plain = given(colors, "sgps-no-own-set")
    for one, two in zip(controlled, plain, strict=True):
        assert (one.hidden_set, two.hidden_set) == (colors.name, None)
        assert one.without == one.condition_on == ()
        assert one.support.descriptions == two.support.descriptions


def test_without_text_no_description_is_given(colors):
    controlled, _ = given(colors, "sgps-no-text")
    assert all(one.support.descriptions == () for one in controlled)


def test_shuffled_text_gives_every_class_the_descriptions_of_another(colors):
    controlled, _ = given(colors, "sgps-shuffled-text", replace(PLAN, episodes=20))
    seen = {one.support.descriptions for one in controlled}
    for descriptions in seen:
        assert set(descriptions) == set(TEXTS.values())
        assert all(a != b for a, b in zip(descriptions, TEXTS.values(), strict=True))
    assert len(seen) == 2


def test_random_text_gives_every_class_the_words_of_a_class_of_another_set(colors):
    known = {tuple(e.descriptions.values()) for e in conditions().values() if e.classes}
    first, _ = given(colors, "sgps-random-text")
    again, _ = given(colors, "sgps-random-text")
    other, _ = given(colors, "sgps-random-text", replace(PLAN, seed=1))
    texts = [[one.support.descriptions for one in asked] for asked in (first, again, other)]
    assert texts[0] == texts[1]
    assert not set(texts[0]) & set(texts[2])
    assert len(set(texts[0])) == 6
    for descriptions in texts[0]:
        assert len(set(descriptions)) == 3
        assert set(descriptions) <= known


def test_no_random_text_is_of_a_class_of_the_set_itself():
    foreign = set(foreign_texts("ham10000", tuple(descriptions_of("ham10000"))))
    for entry in conditions().values():
        own = any(name.startswith("ham10000/") for name in entry.classes)
        if own or not entry.classes:
            assert tuple(entry.descriptions.values()) not in foreign, entry.key
    assert len(foreign) > 50
    melanoma = tuple(conditions()["melanoma"].descriptions.values())
    assert melanoma in foreign_texts("mine", ["scar"])
    assert melanoma not in foreign_texts("mine", ["Melanoma", "scar"])


def test_random_text_repeats_only_where_there_are_more_classes_than_conditions():
    foreign = [("a",), ("b",), ("c",)]
    for seed in range(20):
        drawn = draw_texts(foreign, 5, np.random.SeedSequence(seed))
        assert set(drawn[:3]) == set(foreign)
        assert len(drawn) == 5


def test_text_only_gives_all_descriptions_and_no_picture(colors):
    controlled, _ = given(colors, "sgps-text-only")
    for one in controlled:
        assert one.support.images.shape == (0, 3, 32, 32)
        assert one.support.labels.dtype == torch.int64
        assert one.support.descriptions == tuple(TEXTS.values())


def test_text_only_needs_a_description_of_every_class_in_an_episode(colors, engine):
    bare = replace(colors, descriptions={"amber": TEXTS["amber"], "blue": ()})
    with pytest.raises(
        InputError,
        match=r"^sgps-text-only needs a description of every class, and there is none of blue \(colors\), "
        r"green \(colors\)\. Give them with --descriptions or leave these out with --classes\.$",
    ):
        run_benchmark([bare], ["sgps", "sgps-text-only"], PLAN, engine=engine)
    two = replace(PLAN, classes=("amber", "blue"))
    with pytest.raises(InputError, match=r"is none of blue \(colors\)\. Give"):
        run_benchmark([bare], ["sgps-text-only"], two, engine=engine)


def test_a_class_is_told_by_its_name_in_the_catalogue_or_else_by_its_label(colors, skin):
    names = {"df": "dermatofibroma", "mel": "melanoma", "vasc": "vascular skin lesion"}
    controlled, _ = given(skin, "sgps-name-only")
    assert all(
        one.support.descriptions == tuple((name,) for name in names.values()) for one in controlled
    )
    controlled, _ = given(colors, "sgps-name-only")
    assert all(
        one.support.descriptions == (("amber",), ("blue",), ("green",)) for one in controlled
    )
    labels = ["Melanoma", "dermatofibroma", "left_arm"]
    assert reworded("name", "mine", labels, {}) == {
        "Melanoma": ("melanoma",),
        "dermatofibroma": ("dermatofibroma",),
        "left_arm": ("left arm",),
    }


def test_the_set_decides_between_entries_of_one_label():
    told = reworded("name", "otoscopy_otitis4", ["normal"], {})
    assert told == {"normal": ("normal tympanic membrane",)}


def test_attributes_alone_state_what_the_descriptions_state_and_nothing_else(skin):
    controlled, _ = given(skin, "sgps-attributes-only")
    for one in controlled:
        for label, (text,) in zip(one.support.class_names, one.support.descriptions, strict=True):
            stated = check_class(label, skin.descriptions[label]).stated
            assert {name: set(own) for name, own in read(text).items()} == {
                name: set(own) for name, own in stated.items()
            }
            assert text not in skin.descriptions[label]
    assert len({one.support.descriptions for one in controlled}) == 1


def test_a_description_that_states_no_attribute_gives_none():
    texts = {"a": ["a round lesion"], "b": ["we do not know"], "c": ["round: lesion"]}
    told = reworded("attributes", "mine", list("abcd"), texts)
    assert list(told) == ["a", "c"]
    assert told["a"] == told["c"]


@pytest.mark.parametrize("style", STYLES)
def test_a_paraphrase_is_one_description_of_the_catalogue(skin, style):
    controlled, _ = given(skin, f"sgps-{style}-text")
    keys = ("dermatofibroma", "melanoma", "vascular-skin-lesion")
    told = tuple((conditions()[key].descriptions[style],) for key in keys)
    assert all(one.support.descriptions == told for one in controlled)


def test_what_there_is_nothing_to_tell_of_is_refused(colors, engine):
    with pytest.raises(
        InputError, match=r"^sgps-plain-text has nothing to tell of colors\. Leave it out\.$"
    ):
        run_benchmark([colors], ["sgps-plain-text"], PLAN, engine=engine)
    vague = replace(colors, descriptions={"amber": ("it is round",), "blue": ("who knows",)})
    run_benchmark([vague], ["sgps-attributes-only"], PLAN, engine=engine)
    with pytest.raises(
        InputError,
        match=r"^sgps-attributes-only has nothing to tell of blue \(colors\), green \(colors\)\. Leave",
    ):
        run_benchmark([vague], ["sgps-attributes-only"], replace(PLAN, shot=0), engine=engine)


@pytest.mark.parametrize(
    "method", ["sgps", "sgps-text-only", "sgps-shuffled-text", "sgps-random-text"]
)
def test_without_shots_the_words_are_the_same_and_there_is_no_picture(colors, method):
    pictured, _ = given(colors, method)
    bare, _ = given(colors, method, replace(PLAN, shot=0))
    for one, two in zip(pictured, bare, strict=True):
        assert two.support.images.shape == (0, 3, 32, 32)
        assert one.support.descriptions == two.support.descriptions


def test_without_pictures_and_words_the_answer_is_chance(colors, engine):
    plan = replace(PLAN, shot=0)
    methods = ["sgps", "sgps-no-text", "chance"]
    result = run_benchmark([colors], methods, plan, engine=engine)["methods"]
    assert len(engine.asked) == plan.episodes
    assert result["sgps"]["accuracy"] > 90
    for figure in ("accuracy", "nll"):
        assert result["sgps-no-text"][figure] == result["chance"][figure]


def test_what_cannot_do_without_pictures_is_refused(colors, engine):
    methods = ["sgps", "ridge@base", "chance", "sgps-wrong-support"]
    with pytest.raises(
        InputError,
        match=r"^--shot 0 gives no picture, and ridge@base, sgps-wrong-support cannot do without\. "
        r"Leave it out or raise --shot\.$",
    ):
        run_benchmark([colors], methods, replace(PLAN, shot=0), engine=engine)
    bare = replace(colors, descriptions={"amber": TEXTS["amber"], "blue": TEXTS["blue"]})
    with pytest.raises(
        InputError, match=r"^sgps needs a description of every class, and there is none of green"
    ):
        run_benchmark([bare], ["sgps"], replace(PLAN, shot=0), engine=engine)


def test_shuffled_text_needs_descriptions(colors, engine):
    bare = replace(colors, descriptions={})
    with pytest.raises(
        InputError,
        match=r"^sgps-shuffled-text has no descriptions to shuffle for colors\. Give them with --descriptions\.$",
    ):
        run_benchmark([bare], ["sgps-shuffled-text"], PLAN, engine=engine)


def test_wrong_support_conditions_on_the_next_episode_and_wraps_around(colors):
    controlled, plain = given(colors, "sgps-wrong-support")
    for index, one in enumerate(controlled):
        (other,) = one.condition_on
        assert same(other, plain[(index + 1) % 6].support)
        assert other.descriptions == tuple(TEXTS.values())


@pytest.mark.parametrize(("episodes", "count"), [(6, 5), (12, 8)])
def test_averaged_weights_are_those_of_up_to_eight_other_episodes(colors, episodes, count):
    controlled, plain = given(colors, "sgps-average-weights", replace(PLAN, episodes=episodes))
    for index, one in enumerate(controlled):
        assert len(one.condition_on) == count
        for step, other in enumerate(one.condition_on, start=1):
            assert same(other, plain[(index + step) % episodes].support)


def test_the_nearest_task_is_the_one_whose_mean_features_are_most_similar(colors):
    plan = replace(PLAN, way=2, episodes=30)
    controlled, plain = given(colors, "sgps-nearest-task", plan)
    means = [mean_colors(one.support.images).double().mean(0) for one in plain]
    for index, one in enumerate(controlled):
        places = [(index + step) % 30 for step in range(1, 21)]
        cosines = torch.stack([means[place] for place in places]) @ means[index]
        cosines /= torch.stack([means[place].norm() for place in places])
        (other,) = one.condition_on
        assert same(other, plain[places[int(cosines.argmax())]].support)


def test_the_nearest_task_is_that_of_the_same_classes(colors):
    controlled, _ = given(colors, "sgps-nearest-task", replace(PLAN, way=2, episodes=30))
    agree = [one.condition_on[0].class_names == one.support.class_names for one in controlled]
    assert np.mean(agree) > 0.9


def test_length_does_not_make_a_task_near():
    own = torch.tensor([[1.0, 0.0], [1.0, 0.2]])
    others = [torch.tensor([[1.0, 0.9]]), 50 * own.flip(0), torch.tensor([[-1.0, -0.1]])]
    assert nearest_task(own, others) == 1


def test_the_following_episodes_wrap_around_and_never_hold_the_own():
    assert following(4, 3, 6) == [5, 0, 1]
    assert following(4, 20, 6) == [5, 0, 1, 2, 3]
    assert following(0, 0, 6) == []
    assert following(1, 20, 2) == [0]


def test_controls_that_borrow_need_two_episodes(colors, engine):
    borrowers = [name for name in SYNTHESIS if borrowed(name)]
    assert borrowers == ["sgps-wrong-support", "sgps-average-weights", "sgps-nearest-task"]
    for name in borrowers:
        with pytest.raises(
            InputError,
            match=rf"^{name} borrows another episode's support\. Ask for at least --episodes 2\.$",
        ):
            run_benchmark([colors], ["sgps", name], replace(PLAN, episodes=1), engine=engine)


def test_a_run_that_goes_on_borrows_from_the_same_episodes(colors, tmp_path):
    methods, plan = ["sgps-average-weights", "sgps-nearest-task"], replace(PLAN, episodes=45)
    whole = ColorEngine()
    run_benchmark([colors], methods, plan, engine=whole)
    running = Running(work=WorkFolder(tmp_path / "work"))
    run_benchmark([colors], methods, plan, engine=ColorEngine(), running=running)
    (last,) = (tmp_path / "work").rglob("000040-*.safetensors")
    last.unlink()
    rest = ColorEngine()
    run_benchmark([colors], methods, plan, engine=rest, running=running)
    assert len(rest.asked) == 10
    for one, two in zip(rest.asked, whole.asked[-10:], strict=True):
        assert all(map(same, one.condition_on, two.condition_on))


def test_features_that_supports_are_compared_by_are_charged(colors, monkeypatch):
    monkeypatch.setattr(ColorEngine, "base_features", _slow(ColorEngine.base_features))
    methods = ["sgps", "sgps-nearest-task"]
    result = run_benchmark([colors], methods, PLAN, engine=ColorEngine())
    seconds = [result["methods"][name]["seconds_to_classifier"] for name in methods]
    # A tenth of a second for at most 36 pictures, and six supports of six pictures are read.
    assert seconds[1] - seconds[0] > 0.08


def _slow(function):
    def slow(*arguments):
        time.sleep(0.1)
        return function(*arguments)

    return slow


def test_several_sets_have_random_text_of_their_own(tmp_path, colors, engine):
    other = read_benchmark_set(draw_folder(tmp_path / "paler", seed=5))
    run_benchmark([colors, other], ["sgps-random-text"], PLAN, engine=engine)
    assert all(len(one.support.descriptions) == len(COLORS) for one in engine.asked)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_derangement_keeps_nothing_in_its_place(count):
    for seed in range(50):
        order = derangement(count, np.random.SeedSequence(seed))
        assert sorted(order) == list(range(count))
        assert all(index != position for index, position in enumerate(order))
