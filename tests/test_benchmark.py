"""The benchmark's contract, with an engine that only looks at colors, on drawn pictures."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from colors import (  # noqa: F401
    COLORS,
    FIGURES,
    PLAN,
    SIDE,
    TEXTS,
    ColorEngine,
    brief_tuning,
    colors,
    draw_folder,
    engine,
    folder,
    peer,
    pip_peers,
    without_seconds,
)
from PIL import Image

from sgps.clinical.conditions import STYLES
from sgps.clinical.lookup import entries_for, texts_of
from sgps.errors import InputError
from sgps.evaluation import scores
from sgps.evaluation.benchmark import run_benchmark
from sgps.evaluation.controls import SYNTHESIS, Control
from sgps.evaluation.methods import METHODS
from sgps.evaluation.sets import describe, read_benchmark_set
from sgps.evaluation.tables import to_csv, to_table

MEASURED = [name for name in METHODS if SYNTHESIS.get(name, Control()).text not in STYLES]
"""Every method but those that need classes which the catalogue knows."""


@pytest.fixture(scope="module")
def result(colors, peer, pip_peers):
    """Every method, once."""
    return run_benchmark(
        [colors],
        MEASURED,
        replace(PLAN, episodes=2),
        engine=ColorEngine(),
        peer=peer,
        per_episode=True,
    )


def test_the_result_keeps_the_contract(result):
    assert set(result) == {"settings", "methods", "paired", "per_episode", "reliability"}
    assert list(result["methods"]) == MEASURED
    recalls = {"recall", "recall_intervals"}
    assert all(set(figures) == FIGURES | recalls for figures in result["methods"].values())
    assert set(result["paired"]) == {f"sgps-minus-{name}" for name in MEASURED if name != "sgps"}
    paired = {*scores.PAIRED, "ci95", "episodes", "intervals"}
    assert all(set(figures) == paired for figures in result["paired"].values())
    assert all(set(one["intervals"]) == set(scores.FIGURES) for one in result["methods"].values())
    assert all(set(one["intervals"]) == set(scores.PAIRED) for one in result["paired"].values())
    json.dumps(result, allow_nan=False)


def test_methods_that_see_colors_beat_chance_which_scores_exactly_chance(result):
    methods = result["methods"]
    for name in set(methods) - {"chance"}:
        assert methods[name]["accuracy"] > 60, name
        assert methods[name]["macro_auc"] > 70, name
        assert 0 <= methods[name]["ece"] <= 1
    assert methods["chance"]["accuracy"] == pytest.approx(100 / 3, abs=1e-4)
    assert methods["chance"]["balanced_accuracy"] == pytest.approx(100 / 3, abs=1e-4)
    assert methods["chance"]["ci95"] == 0
    assert methods["chance"]["nll"] == pytest.approx(np.log(3), abs=1e-4)
    assert methods["chance"]["brier"] == pytest.approx(2 / 3, abs=1e-4)
    assert methods["chance"]["selective_accuracy"] == pytest.approx(100 / 3, abs=1e-4)


def test_the_recalls_of_a_set_whose_episodes_have_all_classes_average_to_balanced_accuracy(result):
    (names,) = [list(data["pictures"]) for data in result["settings"]["data"]]
    for figures in result["methods"].values():
        assert list(figures["recall"]) == names
        mean = np.mean(list(figures["recall"].values()))
        assert mean == pytest.approx(figures["balanced_accuracy"], abs=1e-4)


def test_paired_is_the_mean_difference_of_the_episodes(result):
    ours, theirs = (np.array(result["per_episode"][name]) for name in ("sgps", "chance"))
    paired = result["paired"]["sgps-minus-chance"]
    assert paired["accuracy"] == pytest.approx((ours - theirs).mean(), abs=1e-4)
    assert paired["ci95"] == pytest.approx(1.96 * (ours - theirs).std(ddof=1) / 2**0.5, abs=1e-4)


def test_every_method_has_a_time_and_features_are_charged_to_the_episodes(result):
    seconds = {name: figures["seconds_per_task"] for name, figures in result["methods"].items()}
    assert min(seconds.values()) >= 0
    assert seconds["prototype"] > seconds["chance"]


def test_the_time_to_a_classifier_is_a_part_of_the_time_of_a_task(result):
    for figures in result["methods"].values():
        assert 0 <= figures["seconds_to_classifier"] <= figures["seconds_per_task"]
        assert figures["ms_per_image"] >= 0


def test_reliability_counts_every_query_once_in_fifteen_bins(result):
    queries = 2 * 9
    for name, bins in result["reliability"].items():
        assert len(bins) == 15
        assert sum(one["count"] for one in bins) == queries
        full = [one for one in bins if one["count"]]
        mean = sum(one["count"] * one["accuracy"] for one in full) / queries
        assert mean == pytest.approx(result["methods"][name]["accuracy"], abs=1e-4)
        error = sum(o["count"] * abs(o["accuracy"] / 100 - o["confidence"]) for o in full) / queries
        assert error == pytest.approx(result["methods"][name]["ece"], abs=1e-4)
        assert all(o["accuracy"] is o["confidence"] is None for o in bins if not o["count"])


def test_classes_that_an_episode_leaves_out_are_less_certain_and_with_none_left_there_is_no_figure(
    colors, engine, result
):
    assert result["methods"]["sgps"]["ood_auroc"] is None
    assert result["settings"]["data"][0]["outside_digest"] is None
    plan = replace(PLAN, classes=("amber", "green"), episodes=12)
    two = run_benchmark([colors], ["sgps", "chance"], plan, engine=engine)
    assert two["methods"]["sgps"]["ood_auroc"] > 60
    assert two["methods"]["sgps"]["intervals"]["ood_auroc"] is not None
    assert two["methods"]["chance"]["ood_auroc"] == pytest.approx(50)
    paired = two["paired"]["sgps-minus-chance"]
    assert paired["ood_auroc"] == pytest.approx(two["methods"]["sgps"]["ood_auroc"] - 50, abs=1e-4)
    assert two["settings"]["data"][0]["outside_digest"]


def test_a_slow_method_answers_the_first_episodes_and_is_paired_on_them(colors, engine, peer):
    methods, limits = ["sgps", "ridge", "chance"], {"ridge": 2}
    plan = replace(PLAN, limits=limits)
    limited = run_benchmark([colors], methods, plan, engine=engine, peer=peer, per_episode=True)
    short = run_benchmark(
        [colors], methods, replace(PLAN, episodes=2), engine=engine, peer=peer, per_episode=True
    )
    assert {name: one["episodes"] for name, one in limited["methods"].items()} == {
        "sgps": 6,
        "ridge": 2,
        "chance": 6,
    }
    assert limited["settings"]["limits"] == limits
    assert limited["per_episode"]["ridge"] == short["per_episode"]["ridge"]
    pair = "sgps-minus-ridge"
    assert limited["paired"][pair] == short["paired"][pair]
    assert limited["paired"]["sgps-minus-chance"]["episodes"] == 6
    note = "ridge answered the first 2 of 6 episodes"
    assert to_table(limited).rstrip().endswith(note)


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(colors, engine, peer):
    methods = ["sgps", "ridge", "finetune"]
    plan = replace(PLAN, episodes=2)
    first, again, other = (
        run_benchmark([colors], methods, replace(plan, seed=seed), engine=engine, peer=peer)
        for seed in (0, 0, 1)
    )
    assert without_seconds(first["methods"]) == without_seconds(again["methods"])
    digests = [one["settings"]["data"][0]["episodes_digest"] for one in (first, again, other)]
    assert digests[0] == digests[1] != digests[2]


def test_settings_hold_what_repeats_the_run_and_no_folder(result, colors, folder):
    settings = result["settings"]
    expected = {"seed": 0, "way": 3, "shot": 2, "query": 3, "episodes": 2, "image_size": SIDE}
    assert {key: settings[key] for key in expected} == expected
    assert settings["peer_backbone"] == "tiny"
    assert settings["peer_sha256"] == "0123456789abcdef"
    assert settings["engine_digest"] == "colors"
    assert {"sgps", "torch", "numpy", "python"} <= set(settings["versions"])
    assert "git_commit" in settings
    (data,) = settings["data"]
    assert data["name"] == "colors"
    assert data["pictures"] == dict.fromkeys(COLORS, 12)
    assert (data["groups"], data["way"]) == (36, 3)
    assert data["described"] == sorted(COLORS)
    assert colors.sha256.startswith(data["sha256"])
    assert str(folder.parent) not in json.dumps(result)


def test_settings_name_the_peers_from_pip_and_their_weights(colors, peer, pip_peers):
    methods = ["ridge@lite2", "knn@lite2", "ridge"]
    settings = run_benchmark([colors], methods, replace(PLAN, episodes=1), peer=peer)["settings"]
    assert settings["pip_peers"] == {"lite2": "0123456789abcdef"}
    assert run_benchmark([colors], ["chance"], PLAN)["settings"]["pip_peers"] == {}


def test_without_sgps_nothing_is_paired_and_no_engine_is_needed(colors, peer):
    result = run_benchmark([colors], ["ridge", "chance"], PLAN, peer=peer)
    assert set(result) == {"settings", "methods"}
    assert result["settings"]["engine_digest"] is None


def test_chance_alone_needs_no_network(colors):
    assert run_benchmark([colors], ["chance"], PLAN)["methods"]["chance"]["ece"] == pytest.approx(0)


@pytest.mark.parametrize(("method", "what"), [("sgps", "an engine"), ("ridge", "a peer")])
def test_a_forgotten_network_is_our_bug(colors, method, what):
    with pytest.raises(ValueError, match=f"^these methods need {what}$"):
        run_benchmark([colors], [method], PLAN)


def test_one_episode_has_no_interval(colors, engine):
    result = run_benchmark([colors], ["sgps", "chance"], replace(PLAN, episodes=1), engine=engine)
    assert result["methods"]["sgps"]["ci95"] is None
    assert set(result["methods"]["sgps"]["intervals"].values()) == {None}
    assert set(result["paired"]["sgps-minus-chance"]["intervals"].values()) == {None}
    assert "± " not in to_table(result)


def test_sgps_is_given_the_support_and_its_descriptions(colors, engine):
    run_benchmark([colors], ["sgps"], PLAN, engine=engine)
    for support, others, without, hidden_set in engine.asked:
        assert others == without == ()
        assert hidden_set is None
        assert support.class_names == tuple(COLORS)
        assert support.shots == (2, 2, 2)
        assert support.images.shape == (6, 3, SIDE, SIDE)
        assert support.descriptions == tuple(TEXTS.values())


def test_each_picture_that_episodes_use_is_read_once(colors, engine, peer):
    read = []

    def counted(picture):
        def look(size):
            read.append((picture.name, size))
            return picture.read(size)

        return replace(picture, read=look)

    watched = replace(colors, pictures=tuple(counted(picture) for picture in colors.pictures))
    run_benchmark([watched], ["sgps", "ridge"], replace(PLAN, episodes=1), engine=engine, peer=peer)
    assert len(read) == len(set(read)) == 15
    assert {size for _, size in read} == {SIDE}


def test_peers_may_look_at_larger_pictures_than_the_engine(colors, engine, peer):
    larger = replace(peer, preprocessing=replace(peer.preprocessing, image_size=48))
    result = run_benchmark([colors], ["sgps", "ridge"], PLAN, engine=engine, peer=larger)
    assert (result["settings"]["image_size"], result["settings"]["engine_image_size"]) == (48, SIDE)


def test_progress_names_every_step_and_reaches_its_end(colors, engine, peer):
    heard = {}

    def listen(step, done, total):
        heard[step] = (done, total)

    run_benchmark([colors], ["sgps", "ridge"], PLAN, engine=engine, peer=peer, on_progress=listen)
    assert set(heard) == {"colors: pictures", "colors: peer features", "colors: episodes"}
    assert all(done == total for done, total in heard.values())


def test_several_sets_are_averaged_and_each_shown(tmp_path, colors, engine):
    other = read_benchmark_set(draw_folder(tmp_path / "paler", seed=5))
    result = run_benchmark(
        [colors, other], ["sgps", "chance"], PLAN, engine=engine, per_episode=True
    )
    assert set(result) == {"settings", "methods", "paired", "sets"}
    assert list(result["sets"]) == ["colors", "paler"]
    blocks = list(result["sets"].values())
    assert all(
        set(block) == {"methods", "paired", "per_episode", "reliability"} for block in blocks
    )
    for block, place in (("methods", "sgps"), ("paired", "sgps-minus-chance")):
        parts = [one[block][place] for one in blocks]
        mean = result[block][place]
        assert mean["accuracy"] == pytest.approx(np.mean([part["accuracy"] for part in parts]))
        half = np.hypot(*[part["ci95"] for part in parts]) / 2
        assert mean["ci95"] == pytest.approx(half, abs=1e-5)
    titles = [
        line
        for line in to_table(result).splitlines()
        if line in {"mean over sets", *result["sets"]}
    ]
    assert titles == ["mean over sets", "colors", "paler"]


def test_intervals_of_a_mean_over_sets_combine_and_a_figure_that_a_set_lacks_has_no_mean(
    tmp_path, colors, engine
):
    other = draw_folder(tmp_path / "more", seed=5)
    (other / "amber").rename(other / "red")
    (other / "amber").mkdir()
    for path in sorted((other / "red").iterdir())[:6]:
        path.rename(other / "amber" / path.name)
    sets = [colors, read_benchmark_set(other)]
    result = run_benchmark(sets, ["sgps", "chance"], replace(PLAN, way=3), engine=engine)
    own = [block["methods"]["sgps"] for block in result["sets"].values()]
    assert [figures["ood_auroc"] is None for figures in own] == [True, False]
    mean = result["methods"]["sgps"]
    assert mean["ood_auroc"] is mean["intervals"]["ood_auroc"] is None
    assert result["paired"]["sgps-minus-chance"]["ood_auroc"] is None
    for key in ("nll", "ece", "macro_auc", "brier"):
        assert mean[key] == pytest.approx(np.mean([figures[key] for figures in own]), abs=1e-5)
        half = np.hypot(*[figures["intervals"][key] for figures in own]) / 2
        assert mean["intervals"][key] == pytest.approx(half, abs=1e-5)


def test_methods_that_learn_from_pictures_without_labels_are_flagged(colors, engine):
    methods = ["sgps", "self-training@base"]
    result = run_benchmark([colors], methods, PLAN, engine=engine)
    assert [one["semi_supervised"] for one in result["methods"].values()] == [False, True]
    table = to_table(result)
    assert "\nself-training@base *" in table
    assert table.endswith("\n* learns from pictures without labels, too\n")


def test_a_catalogued_set_brings_its_descriptions(tmp_path):
    folder = tmp_path / "otoscopy_otitis4"
    for label in ("normal", "earwax_plug", "something_else"):
        (folder / label).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / label / "1.png")
    one = read_benchmark_set(folder)
    assert sorted(one.descriptions) == ["earwax_plug", "normal"]
    assert all(one.descriptions.values())


def test_a_set_that_is_not_known_is_described_by_the_names_of_its_classes(tmp_path):
    for label in ("dermatofibroma", "melanoma", "something_else"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "mine" / label / "1.png")
    one = read_benchmark_set(tmp_path / "mine")
    expected = entries_for(["dermatofibroma", "melanoma", "something_else"])
    assert sorted(expected) == ["dermatofibroma", "melanoma"]
    assert one.descriptions == texts_of(expected)
    assert one.entries["dermatofibroma"] == "dermatofibroma (dermatoscopy)"
    assert describe([one], {"melanoma": "dark"})[0].entries == {}


def test_a_set_is_identified_by_the_bytes_of_its_file(tmp_path, folder):
    for name in ("a", "b"):
        path = tmp_path / f"{name}.csv"
        first = folder / "amber" / "00.png"
        path.write_text(f"path,label\n{first.as_posix()},amber{name}\n", encoding="utf-8")
    digests = {read_benchmark_set(tmp_path / f"{name}.csv").sha256 for name in ("a", "b")}
    assert len(digests) == 2


def test_unknown_methods_are_all_named_with_the_known_ones(colors):
    with pytest.raises(
        InputError,
        match=r"^unknown methods: forest, ridge@moon; known are sgps, sgps-no-text, .*, chance\.$",
    ):
        run_benchmark([colors], ["sgps", "forest", "ridge@moon"], PLAN)
    with pytest.raises(InputError, match=r"^unknown methods: none named; known are sgps, "):
        run_benchmark([colors], [], PLAN)


def test_a_method_named_twice_is_refused(colors):
    with pytest.raises(InputError, match=r"^methods named twice: ridge\. Name each once\.$"):
        run_benchmark([colors], ["ridge", "sgps", "ridge"], PLAN)


def test_two_sets_of_one_name_are_refused(colors):
    with pytest.raises(
        InputError, match=r"^sets of the same name: colors\. Give each once or rename it\.$"
    ):
        run_benchmark([colors, colors], ["chance"], PLAN)


def test_a_set_that_cannot_serve_is_named(colors):
    with pytest.raises(InputError, match=r"^colors: too few pictures for --shot 12 and one query"):
        run_benchmark([colors], ["chance"], replace(PLAN, shot=12))


def test_descriptions_of_unknown_classes_are_refused(colors):
    with pytest.raises(
        InputError, match=r"^descriptions name unknown classes: violet; the classes"
    ):
        describe([colors], {"violet": "a flower"})


def test_probabilities_that_are_no_numbers_stop_the_run(colors, peer):
    broken = replace(
        peer, weights={name: tensor * torch.nan for name, tensor in peer.weights.items()}
    )
    with pytest.raises(
        InputError,
        match=r"^prototype gave probabilities that are no numbers in episode 0 of colors\. The weights of the engine "
        r"or the peer backbone are damaged: get them anew\.$",
    ):
        run_benchmark([colors], ["prototype"], PLAN, peer=broken)


def test_pictures_that_cannot_be_used_are_all_named(tmp_path, engine):
    folder = draw_folder(tmp_path / "broken", per_class=4)
    for name in ("amber", "green"):
        (folder / name / "01.png").write_bytes(b"")
    with pytest.raises(
        InputError,
        match=r"^2 of 12 pictures of broken cannot be used: .*amber/01\.png is empty, .*green/01\.png is empty\. "
        r"Repair, convert or remove them\.$",
    ):
        run_benchmark(
            [read_benchmark_set(folder)], ["sgps"], replace(PLAN, episodes=20), engine=engine
        )


def test_csv_and_table_show_the_same_figures(result):
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(to_csv(result)))}
    assert set(rows) == set(MEASURED)
    assert f"{float(rows['ridge']['accuracy']):.2f} ±" in to_table(result)
