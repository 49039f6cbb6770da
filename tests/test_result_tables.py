"""Tables and figures say what result files hold, whatever is missing in these."""

from __future__ import annotations

import copy
import json
import re

import keep
import numpy as np
import pytest
from invented import SKILL, SKIN, codes_of, results_of, write

import make_figures
import make_tables
from plots import numbers
from sgps.evaluation.protocols import load_protocol
from tables import cells, codes, differences, features, methods, readme, trained, unlearned, words
from tables.reading import (
    FIVE,
    MODALITIES,
    NOVEL,
    ROOT,
    TRAINED,
    TRAINED_NOVEL,
    UNLEARNED,
    WORDS,
    WORDS_NOVEL,
    Results,
)

PROTOCOLS = (NOVEL, FIVE, MODALITIES)


@pytest.fixture(scope="module")
def files():
    """What each of the three runs gives."""
    return {protocol: results_of(protocol) for protocol in PROTOCOLS}


@pytest.fixture
def results(files, tmp_path):
    write(tmp_path, **files)
    return Results(tmp_path)


def _rows(table, *starts):
    """Cells of the rows that begin with these cells."""
    split = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    return [row for row in split if row[: len(starts)] == list(starts)]


def _filled(results):
    return {
        (document, place): make_tables.DOCUMENTS[document][place].content(results)
        for document, place in make_tables.filled(results)
    }


def test_every_place_but_those_of_other_files_is_filled_from_the_three_files(results) -> None:
    everywhere = {(d, place) for d, places in make_tables.DOCUMENTS.items() for place in places}
    assert everywhere - set(_filled(results)) == {
        ("docs/results.md", "codes"),
        ("docs/words.md", "words"),
        ("docs/words.md", "gain"),
        ("docs/words.md", "drawn"),
        ("docs/results.md", "ablations"),
        ("docs/results.md", "ablations-learning"),
        ("docs/results.md", "metadata"),
        ("docs/results.md", "prototypes"),
        ("docs/results.md", "trained"),
        ("docs/results.md", "unlearned"),
        ("docs/results.md", "again"),
        ("docs/results.md", "cpu"),
        ("docs/results.md", "typicality"),
    }


@pytest.mark.parametrize("missing", PROTOCOLS)
def test_places_of_a_missing_file_stay_as_they_are(missing, files, tmp_path) -> None:
    write(tmp_path, **{name: content for name, content in files.items() if name != missing})
    filled = _filled(Results(tmp_path))
    assert ("README.md", "results") in filled
    assert ("docs/results.md", "methods-novel") in filled or missing == NOVEL
    assert f"results/{missing}.json" not in "".join(filled.values())
    text = make_tables.fill("docs/results.md", Results(tmp_path))
    own = {NOVEL: "methods-novel", FIVE: "methods-five", MODALITIES: "methods-modalities"}[missing]
    before = (make_tables.ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert make_tables.cut(text, own)[1] == make_tables.cut(before, own)[1]


@pytest.mark.parametrize("method", [*SKILL, None])
def test_a_missing_method_or_part_leaves_no_table_undone(method, files, tmp_path) -> None:
    fewer = copy.deepcopy(files)
    for content in fewer.values():
        if method is None:
            content["parts"].popitem()
        for part in content["parts"].values():
            for block in (part, *part.get("sets", {}).values()):
                for key in ("methods", "per_episode", "reliability"):
                    block.get(key, {}).pop(method, None)
                if method == "sgps":
                    block.pop("paired")
                block.get("paired", {}).pop(f"sgps-minus-{method}", None)
    write(tmp_path, **fewer)
    filled = _filled(Results(tmp_path))
    assert len(filled) == 13
    if method is not None:
        assert f"`{method}` |" not in "".join(
            text for (_, place), text in filled.items() if place.startswith(("methods", "shots"))
        )


def test_a_loss_stands_with_its_sign(results, files) -> None:
    part = files[NOVEL]["parts"]["3-way 5-shot"]
    (row,) = _rows(readme.measured(results), "novel 3-way", "5")
    own, other = part["methods"]["sgps"], part["methods"]["ridge@engine"]
    loss = part["paired"]["sgps-minus-ridge@engine"]
    assert loss["accuracy"] < 0
    assert row[2] == f"{own['accuracy']:.1f} ± {own['ci95']:.1f}"
    assert row[5] == f"{other['accuracy']:.1f} ± {other['ci95']:.1f} (`ridge@engine`)"
    assert row[6] == f"{loss['accuracy']:+.1f} ± {loss['ci95']:.1f}"
    assert row[7] == f"{own['ece']:.3f}"


def test_the_readme_says_that_four_of_seven_classes_were_learned(results) -> None:
    assert "(four of them, bcc, bkl, mel and nv, were learned in pretraining)" in readme.measured(
        results
    )


def test_the_best_peer_is_the_best_on_the_episodes_that_it_answered(
    files, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("tables.reading.ENOUGH", 3)
    changed = copy.deepcopy(files[NOVEL])
    for part in changed["parts"].values():
        # Easy episodes make it look good; on the same ones sgps is far better.
        part["methods"]["finetune"]["accuracy"] = 99.0
        part["paired"]["sgps-minus-finetune"]["accuracy"] = 0.9
        part["paired"]["sgps-minus-ridge"]["accuracy"] = 0.8
        part["paired"]["sgps-minus-self-training"]["accuracy"] = 0.7
    write(tmp_path, **{NOVEL: changed})
    (row,) = _rows(readme.measured(Results(tmp_path)), "novel 3-way", "5")
    assert row[3].endswith("(`self-training`, semi-supervised)")
    for part in changed["parts"].values():
        part["paired"]["sgps-minus-finetune"]["accuracy"] = 0.6
    write(tmp_path, **{NOVEL: changed})
    (row,) = _rows(readme.measured(Results(tmp_path)), "novel 3-way", "5")
    assert row[3] == "99.0 ± {:.1f} (`finetune`, 3 episodes)".format(
        changed["parts"]["3-way 5-shot"]["methods"]["finetune"]["ci95"]
    )
    monkeypatch.setattr("tables.reading.ENOUGH", 4)
    (row,) = _rows(readme.measured(Results(tmp_path)), "novel 3-way", "5")
    assert row[3].endswith("(`self-training`, semi-supervised)")


def test_the_number_is_that_of_all_novel_classes_at_once(results, files) -> None:
    text = readme.honest_number(results)
    for shot in (1, 5):
        figures = files[NOVEL]["parts"][f"3-way {shot}-shot"]["methods"]["sgps"]
        assert (
            f"**{figures['accuracy']:.1f} ± {figures['ci95']:.1f} %** with {shot} picture" in text
        )
    assert "(AKIEC, DF, VASC; chance 33)" in text
    assert "6 episodes" in text


def test_below_every_table_stands_how_it_was_measured(results) -> None:
    for place, text in _filled(results).items():
        if place == ("docs/datasets.md", "sets"):
            continue  # Nothing was measured there.
        tables = len(re.findall(r"^\|---", text, re.MULTILINE))
        told = text.count(
            "6 episodes of up to 15 queries a class, seed 0, 128 px; engine `eeeeeeeeeeee`, "
        )
        assert tables == told, place


def test_uncommitted_changes_and_another_size_are_told(files, tmp_path) -> None:
    changed = copy.deepcopy(files[NOVEL])
    for part in changed["parts"].values():
        part["settings"] |= {"git_commit": "d" * 40 + "-dirty", "image_size": 224}
    write(tmp_path, **{NOVEL: changed, FIVE: files[FIVE]})
    text = readme.measured(Results(tmp_path))
    assert "commit `dddddddddddd-dirty` and `cccccccccccc`" in text
    assert "128 px, peers 224 and 128 px" in text
    assert cells.digest(None) == "unknown"


def test_rows_of_the_full_tables_are_the_methods_with_all_they_cost(results, files) -> None:
    text = methods.all_methods(results, MODALITIES)
    assert text.count("<details>") == text.count("</details>") == 2 * (2 + 1)
    assert "<summary>mean of these 2 sets, 1 shot</summary>" in text
    tables = text.split("<summary>")[1:]
    (table,) = [one for one in tables if one.startswith("cxr_talo 3-way, 5 shots")]
    block = files[MODALITIES]["parts"]["5-way 5-shot"]["sets"]["cxr_talo"]
    (row,) = _rows(table, "`finetune`")
    figures, pair = block["methods"]["finetune"], block["paired"]["sgps-minus-finetune"]
    assert row[2] == f"{pair['accuracy']:+.1f} ± {pair['ci95']:.1f}"
    assert row[5:] == [
        f"{figures['ece']:.3f}",
        f"{figures['nll']:.3f}",
        cells.NOTHING,
        f"{figures['seconds_to_classifier']:.3f}",
        f"{figures['ms_per_image']:.2f}",
        "24.0",
        "3",
    ]
    assert len(_rows(table, "`self-training` *")) == 1


def test_accuracy_by_shots_has_every_number_of_shots(results, files) -> None:
    text = methods.by_shots(results, NOVEL).partition("**novel 3-way**")[2]
    (head,) = _rows(text, "method")
    assert head[1:] == ["1 shot", "3 shots", "5 shots", "10 shots"]
    (row,) = _rows(text, "`ridge`")
    shown = [part for name, part in files[NOVEL]["parts"].items() if name.startswith("3-way")]
    assert [cell.split(" ")[0] for cell in row[1:]] == [
        f"{part['methods']['ridge']['accuracy']:.1f}" for part in shown
    ]
    assert not _rows(text, "`sgps-no-text`")


def test_the_mean_of_a_control_counts_no_classes_twice_and_tells_what_lacks(
    files, tmp_path
) -> None:
    fewer = copy.deepcopy(files)
    del fewer[FIVE]["parts"]["5-way 1-shot"]["paired"]["sgps-minus-sgps-text-only"]
    write(tmp_path, **fewer)
    text = differences.by_control(Results(tmp_path))
    (head, _) = _rows(text, "sgps minus")
    assert head[-1] == "mean of 4"
    row = _rows(text, "`sgps-text-only`")[0]
    mean = sum(float(row[place].split(" ")[0]) for place in (2, 4, 5)) / 3
    assert row[3] == cells.NOTHING
    assert row[-1].endswith("(3 of 4)")
    assert float(row[-1].split(" ")[0]) == pytest.approx(mean, abs=0.11)
    assert _rows(text, "`sgps-no-text`")[0][1:-1] == ["+0.0 ± 0.0"] * 5
    assert "over the first 4 of them" in text


def test_words_alone_stand_beside_chance(results) -> None:
    (row,) = _rows(differences.by_words(results), "pbc_8 5-way", "1")
    assert row[3] == "+0.0 ± 0.0"
    assert row[4:6] == [cells.NOTHING] * 2
    assert row[-1] == "20.0"


def test_the_gain_of_the_features_is_paired_and_has_its_aim(results) -> None:
    text = features.features(results)
    (row,) = _rows(text, "novel 3-way", "5")
    gain = float(row[4].split(" ")[0]) - float(row[2].split(" ")[0])
    assert row[5] == "82"
    assert float(row[7].split(" ")[0]) == pytest.approx(gain, abs=0.11)
    # An aim for six sets is none for the mean of two.
    (mean,) = _rows(text, "mean of 2 other sets", "5")
    assert mean[5] == ""


@pytest.fixture(scope="module")
def worded():
    """What the two runs of words give; a paraphrase more is a little better."""
    folder = ROOT / "results" / "protocols"
    names = load_protocol(str(folder / "words.toml")).methods
    skill = {name: 0.1 * place for place, name in enumerate(names)}
    sets = {WORDS: {"ham10000": SKIN, "cxr_talo": ("a", "b", "c")}, WORDS_NOVEL: {"ham10000": SKIN}}
    return {
        name: results_of(str(folder / f"{name}.toml"), skill=skill, few={}, sets=own)
        for name, own in sets.items()
    }


def test_words_are_compared_with_none_by_pictures(worded, tmp_path) -> None:
    write(tmp_path, **worded)
    text = words.by_pictures(Results(tmp_path))
    (head,) = _rows(text, "words")
    shots = ("0 shots", "1 shot", "2 shots", "5 shots")
    assert head[1:5] == [f"{shot}, mean of 3" for shot in shots]
    assert head[5:] == [f"{shot}, novel" for shot in shots]
    (row,) = _rows(text, "`sgps-terse-text` minus it")
    own = worded[WORDS_NOVEL]["parts"]["3-way 5-shot"]
    gains = np.subtract(*(own["per_episode"][name] for name in ("sgps-terse-text", "sgps-no-text")))
    assert row[8] == f"{gains.mean():+.1f} ± {1.96 * gains.std(ddof=1) / len(gains) ** 0.5:.1f}"
    blocks = [own["methods"], *(one["methods"] for one in _blocks(worded, "5-way 5-shot"))]
    gain = [one["sgps-terse-text"]["accuracy"] - one["sgps-no-text"]["accuracy"] for one in blocks]
    assert float(row[4].split(" ")[0]) == pytest.approx(sum(gain) / 3, abs=0.051)
    (row,) = _rows(text, "spread over expert, plain, terse")
    styles = [
        [one[f"sgps-{style}-text"]["accuracy"] for one in blocks]
        for style in ("expert", "plain", "terse")
    ]
    assert row[4] == f"{np.std(np.mean(styles, axis=1), ddof=1):.1f}"


def _blocks(worded, part):
    return worded[WORDS]["parts"][part]["sets"].values()


def test_words_are_shown_of_the_file_that_is_there(worded, tmp_path) -> None:
    assert ("docs/words.md", "gain") not in make_tables.filled(Results(tmp_path))
    write(tmp_path, **{WORDS_NOVEL: worded[WORDS_NOVEL]})
    text = make_tables.fill("docs/words.md", Results(tmp_path))
    (head,) = _rows(make_tables.cut(text, "gain")[1], "words")
    assert head[1:3] == ["0 shots, mean of 1", "1 shot, mean of 1"]
    assert head[5:7] == ["0 shots, novel", "1 shot, novel"]


@pytest.fixture
def on_unlearned():
    """What the protocol of unlearned sets gives on two."""
    protocol = str(ROOT / "results" / "protocols" / "unlearned.toml")
    skill = dict.fromkeys(load_protocol(protocol).methods, 0.2)
    skill |= {"sgps-no-own-set": 0.8, "ridge": 0.6, "logistic@base": 1.5, "sgps-no-text": 0.9}
    sets = {"cxr_talo": SKIN[:3], "pbc_8": SKIN}
    return results_of(protocol, skill=skill, few={"sgps-no-text": 4}, sets=sets)


def test_unlearned_sets_stand_beside_the_best_peers_of_each_and_of_their_mean(
    on_unlearned, tmp_path
) -> None:
    content = on_unlearned
    write(tmp_path, **{UNLEARNED: content})
    text = unlearned.unlearned(Results(tmp_path))
    blocks = content["parts"]["5-way 5-shot"]["sets"].values()
    own = [block["per_episode"]["sgps-no-own-set"] for block in blocks]

    def minus(name):
        # Over the episodes that both have answered: the first four, where it answered no more.
        return [
            np.subtract(one[: len(block["per_episode"][name])], block["per_episode"][name])
            for one, block in zip(own, blocks, strict=True)
        ]

    (row,) = _rows(text, "cxr_talo 3-way", "5")
    assert row[2].startswith(f"{np.mean(own[0]):.1f} ± ")
    found = minus("sgps-no-text")[0]
    assert len(found) == 4
    assert row[4] == f"{found.mean():+.1f} ± {1.96 * found.std(ddof=1) / 2:.1f}"
    assert row[5].endswith(" (`ridge`)")
    assert row[6].startswith(f"{minus('ridge')[0].mean():+.1f} ± ")
    assert row[7].endswith(" (`logistic@base`)")
    (row,) = _rows(text, "mean of these 2", "5")
    assert row[2].startswith(f"{np.mean(own):.1f} ± ")
    loss = np.mean(minus("logistic@base"))
    assert loss < 0
    assert row[8].startswith(f"{loss:+.1f} ± ")
    assert "Pictures: cxr_talo 240, pbc_8 560;" in text


def test_methods_that_train_stand_beside_sgps_task_by_task(tmp_path) -> None:
    protocols = {
        name: str(ROOT / "results" / "protocols" / f"{name}.toml")
        for name in (TRAINED, TRAINED_NOVEL)
    }
    content = {
        TRAINED_NOVEL: results_of(
            protocols[TRAINED_NOVEL],
            skill={"sgps": 1.0, "finetune": 0.4, "finetune@base": 1.5, "anil": 0.2},
            sets={"ham10000": SKIN},
        ),
        TRAINED: results_of(
            protocols[TRAINED],
            skill={"sgps": 1.0, "finetune": 0.4, "finetune@base": 1.5},
            sets={"cxr_talo": SKIN[:3], "pbc_8": SKIN},
        ),
    }
    write(tmp_path, **content)
    text = trained.trained(Results(tmp_path))
    assert text.splitlines()[0].startswith("| method | novel 3-way, 1 | sgps minus it | seconds | ")
    assert "| mean of 2, 5 |" in text.splitlines()[0]
    novel = content[TRAINED_NOVEL]["parts"]["3-way 10-shot"]
    others = content[TRAINED]["parts"]["5-way 5-shot"]["sets"].values()
    (row,) = _rows(text, "`finetune@base`")
    figures, pair = novel["methods"]["finetune@base"], novel["paired"]["sgps-minus-finetune@base"]
    assert row[7] == f"{figures['accuracy']:.1f} ± {figures['ci95']:.1f}"
    assert row[8] == f"{pair['accuracy']:+.1f} ± {pair['ci95']:.1f}"
    assert row[9] == "1.0"
    mean = np.mean([one["methods"]["finetune@base"]["accuracy"] for one in others])
    assert row[10].startswith(f"{mean:.1f} ± ")
    minus = np.mean([one["paired"]["sgps-minus-finetune@base"]["accuracy"] for one in others])
    assert minus < 0
    assert row[11].startswith(f"{minus:+.1f} ± ")
    (row,) = _rows(text, "`sgps`")
    assert row[2] == row[11] == "–"
    (row,) = _rows(text, "`anil`")
    assert row[10:] == ["–"] * 3


def _as_before(content, part, accuracies, **settings):
    """A file of the previous engine, of the same episodes as a part but fewer."""
    own = content["parts"][part]["settings"] | {"engine_digest": "b" * 64} | settings
    block = {"settings": own, "methods": {}, "per_episode": {"sgps": accuracies}}
    return {"protocol": content["protocol"], "parts": {part: block}}


def test_the_engine_before_is_compared_on_the_first_episodes(files, tmp_path) -> None:
    now = files[NOVEL]["parts"]["3-way 1-shot"]["per_episode"]["sgps"]
    (tmp_path / "previous").mkdir()
    before = _as_before(files[NOVEL], "3-way 1-shot", [value - 1 for value in now[:4]])
    write(tmp_path / "previous", **{NOVEL: before})
    write(tmp_path, **{NOVEL: files[NOVEL]})
    text = differences.since_before(Results(tmp_path))
    (row,) = _rows(text, "novel 3-way")
    assert row[1:] == [
        "1",
        f"{sum(now[:4]) / 4 - 1:.1f}",
        f"{sum(now[:4]) / 4:.1f}",
        "+1.0 ± 0.0",
        "4",
    ]
    assert "The other engine is `bbbbbbbbbbbb`, from `results/previous/isic2018-novel.json`" in text


def test_what_another_recipe_gave_is_compared_with_the_shipped_engine(
    files, on_unlearned, tmp_path
) -> None:
    (tmp_path / "again").mkdir()
    now = files[NOVEL]["parts"]["3-way 1-shot"]["per_episode"]["sgps"]
    again = _as_before(files[NOVEL], "3-way 1-shot", [value - 2 for value in now])
    met = keep.kept(on_unlearned)
    for part in met["parts"].values():
        for own in part["sets"].values():
            (name,) = own["per_episode"]
            own["per_episode"][name] = [value + 1 for value in own["per_episode"][name]]
    write(tmp_path / "again", **{NOVEL: again, UNLEARNED: met})
    write(tmp_path, **{NOVEL: files[NOVEL], UNLEARNED: on_unlearned})
    text = differences.other_engine(Results(tmp_path), "again", ("again", "again minus shipped"))
    (row,) = _rows(text, "novel 3-way")
    assert float(row[2]) - float(row[3]) == pytest.approx(2, abs=0.11)
    assert row[4] == "-2.0 ± 0.0"
    assert [row[4] for row in _rows(text, "cxr_talo 3-way")] == ["+1.0 ± 0.0"] * 2
    assert [row[4] for row in _rows(text, "mean of these 2")] == ["+1.0 ± 0.0"] * 2
    assert "`results/again/unlearned.json`" in text


@pytest.mark.parametrize("changed", ["seed", "query", "classes", "sha256", "way"])
def test_other_episodes_are_not_compared(changed, files, tmp_path) -> None:
    before = copy.deepcopy(_as_before(files[NOVEL], "3-way 1-shot", [50.0]))
    settings = before["parts"]["3-way 1-shot"]["settings"]
    place = settings["data"][0] if changed in {"sha256", "way"} else settings
    place[changed] = "another"
    (tmp_path / "previous").mkdir()
    write(tmp_path / "previous", **{NOVEL: before})
    write(tmp_path, **{NOVEL: files[NOVEL]})
    assert "|" not in differences.since_before(Results(tmp_path))


def test_a_figure_of_other_numbers_is_stale(results, files, tmp_path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    write(tmp_path, codes=codes_of())
    assert make_figures.stale(results, folder) == list(make_figures.FIGURES)
    for name, one in make_figures.FIGURES.items():
        text = (
            f"<svg><dc:description>sha256 {numbers.digest(one.numbers(results))}</dc:description>"
        )
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    assert make_figures.stale(results, folder) == []
    changed = copy.deepcopy(files[NOVEL])
    changed["parts"]["3-way 5-shot"]["methods"]["sgps"]["accuracy"] += 0.1
    write(tmp_path, **{NOVEL: changed})
    assert make_figures.stale(Results(tmp_path), folder) == ["shots", "costs"]
    assert make_figures.stale(Results(folder), folder) == []


def test_figures_name_the_best_peers_and_hold_what_json_holds(results) -> None:
    shown = numbers.shots(results)
    assert shown["best"] == {"best on ImageNet V2-B0": "ridge", "best peer": "ridge@engine"}
    assert shown["shots"] == [1, 3, 5, 10]
    assert "sgps-no-text" not in shown["methods"]
    for one in make_figures.FIGURES.values():
        content = one.numbers(results)
        assert json.loads(json.dumps(content)) == content
    assert make_figures.shown(results).count("](figures/") == 3


def test_codes_are_summed_up_by_stage_and_kind(tmp_path) -> None:
    write(tmp_path, codes=codes_of())
    text = codes.codes(Results(tmp_path))
    # Root mean squares: of the changes 0.03 and 0.01, of the variances 0.0009 and 0, and so on.
    (stem,) = _rows(text, "stem")
    assert stem[1:] == ["2", "1", "2.24", "2.12", "1.06", "0.71", "90"]
    # What is below chance in one tensor makes up for what is above it in another, as a mean does.
    (last,) = _rows(text, "last convolution")
    assert last[1:] == ["2", "1", "15.81", "2.45", "1.22", "3.16", "38"]
    assert _rows(text, "pointwise convolutions")[0][1:] == last[1:]
    (shift,) = _rows(text, "norm shifts")
    assert shift[1:] == ["1", "0", "1.00", "0.00", "0.00", "0.00", cells.NOTHING]
    (head,) = _rows(text, "classifier")
    assert head[1:] == ["1", "1", cells.NOTHING, "40.00", cells.NOTHING, "69.28", "25"]
    assert _rows(text, "whole backbone")[0][1:3] == ["4", "2"]
    assert not _rows(text, "other biases")
    assert "4 episodes of each of 2 tasks" in text
    assert "commit `cccccccccccc`" in text


def test_the_map_of_codes_stands_with_its_table_and_nowhere_else(files, tmp_path) -> None:
    write(tmp_path, codes=codes_of(), **{NOVEL: files[NOVEL]})
    results = Results(tmp_path)
    content = make_tables.DOCUMENTS["docs/results.md"]["codes"].content(results)
    assert "](figures/codes.svg)" in content
    assert "codes.svg" not in make_figures.shown(results)
    shown = numbers.codes(results)
    assert shown["experts"] == {"skin": [[0.2, 0.1], [0.0, 0.0]]}
    assert shown["tasks"] == ["novel 3-way", "pbc_8 5-way"]


def test_what_is_kept_of_an_engine_is_what_the_next_is_compared_with(files, tmp_path) -> None:
    (tmp_path / "previous").mkdir()
    write(tmp_path, **{NOVEL: files[NOVEL]})
    write(tmp_path / "previous", **{NOVEL: keep.kept(files[NOVEL])})
    rows = _rows(differences.since_before(Results(tmp_path)), "novel 3-way")
    assert rows
    assert {row[4] for row in rows} == {"+0.0 ± 0.0"}
