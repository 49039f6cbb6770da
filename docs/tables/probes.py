"""Tables of the probes: descriptions told apart, drawings read, what metadata give, what prototypes owe, what is typical."""

from __future__ import annotations

from collections.abc import Sequence

from tables.cells import NOTHING, digest, table
from tables.reading import Results


def words(results: Results) -> str:
    """How often a description finds its entry of the catalogue."""
    probe = results.load("words-probe")
    shown = {
        "sentence embedding, as shipped": "sentence embedding alone (engines up to `v2b0-2`)",
        "letters, tf-idf": "letters, tf-idf",
        "attributes": "attributes",
        probe["chosen"]: f"{probe['chosen']}, as shipped",
    }
    texts = ("expert", "plain", "terse")
    rows = []
    for name, title in shown.items():
        one = probe["representations"][name]
        cells = [f"{one['queries'][text]:.2f}" for text in texts]
        rows.append([title, *cells, f"{one['mean']:.3f} ± {one['ci95']:.3f}"])
    count = sum(probe["entries"].values())
    below = (
        f"{count} entries, commit {digest(probe['git_commit'])}. From `results/words-probe.json`."
    )
    return "\n".join([*table(("represented by", *texts, "mean"), rows), "", below])


def drawn(results: Results) -> str:
    """What a linear probe reads in the drawings."""
    found = results.load("drawn-probe")
    head = (
        "kind",
        "attribute",
        "values",
        "accuracy",
        "balanced",
        "balanced, labels shuffled",
    )
    keys = ("accuracy", "balanced_accuracy", "shuffled_balanced_accuracy")
    rows = [
        [kind, name, str(one["values"]), *(f"{100 * one[key]:.1f}" for key in keys)]
        for kind, attributes in found["probe"].items()
        for name, one in attributes.items()
    ]
    settings, speed = found["settings"], found["pictures_per_second"]
    rates = ", ".join(f"{kind} {one['two_processes']:.0f}" for kind, one in speed.items())
    below = (
        f"{settings['pictures_per_kind']} pictures a kind at {settings['image_size']} px, {settings['learned_from']} to learn, "
        f"the rest to test; engine {digest(settings['engine_digest'])}, commit {digest(found['git_commit'])}. Pictures drawn "
        f"a second by two processes: {rates}. From `results/drawn-probe.json`."
    )
    return "\n".join([*table(head, rows), "", below])


def metadata(results: Results) -> str:
    """What age, sex and site give beside the pictures."""
    found = results.load("metadata-probe")
    settings, networks, names = found["settings"], found["networks"], found["rows"]
    reference = found["reference"]
    kinds = list(names[reference])
    rows = []
    # What a picture's classifier can have comes first.
    order = sorted(names, key=lambda name: (name != reference, not name.startswith("support")))
    for name in order:
        row, of_reference = names[name], name == reference
        cells = [
            _interval(row[kind]["accuracy" if of_reference else "minus_reference"], of_reference)
            for kind in kinds
        ]
        rows.append([name, *cells])
    sizes = ", ".join(
        f"{name} {one['parameters_of_mixer']:,} numbers, {one['ms_per_task']:.2f} ms a task"
        for name, one in networks.items()
        if name != "head"
    )
    below = (
        f"{settings['episodes']} episodes of {settings['queries']} queries a class, seed {settings['seed']}, "
        f"{settings['image_size']} px; the first row is accuracy, the others are differences from it on the same episodes. "
        f"Networks: {sizes} (head {networks['head']['ms_per_task']:.1f} ms), each learned from "
        f"{settings['tasks_to_learn_from']:,} tasks with {len(settings['seeds_of_networks'])} seeds, whose mean counts in "
        f"every episode. Engine {digest(settings['engine_digest'])}, commit {digest(found['git_commit'])}. From "
        "`results/metadata-probe.json`."
    )
    return "\n".join([*table(("given", *kinds), rows), "", below])


def prototypes(results: Results) -> str:
    """What the benchmark's prototypes on ImageNet features owe to how pictures are cut and where features are centered."""
    found = results.load("prototype-probe")
    settings = found["settings"]
    rows = [
        [own["cut"], own["center"], *(_interval(own[shot], True) for shot in ("1", "5"))]
        for own in found["rows"]
    ]
    below = (
        f"{settings['episodes']} episodes of {settings['queries']} queries a class, seed {settings['seed']}, "
        f"{settings['image_size']} px, lesions apart; commit {digest(found['git_commit'])}. The first row is the benchmark's "
        "`prototype`. From `results/prototype-probe.json`."
    )
    head = ("cut out of the picture", "centered on", "1-shot", "5-shot")
    return "\n".join([*table(head, rows), "", below])


def typicality(results: Results) -> str:
    """How well a classifier tells pictures like its support's from others."""
    found = results.load("typicality-probe")
    settings = found["settings"]
    ranked = [f"{kind} {by}" for kind in ("near", "far") for by in ("confidence", "typicality")]
    named = [f"{kind} named" for kind in ("queries", "near", "far")]
    rows = [
        [own["task"], str(own["shots"])]
        + [_interval(own[key], True) if key in own else NOTHING for key in (*ranked, *named)]
        for own in found["rows"]
    ]
    head = (
        "task",
        "shots",
        "other classes: AUROC of confidence",
        "of typicality",
        "other sets: AUROC of confidence",
        "of typicality",
        "named: queries, %",
        "other classes, %",
        "other sets, %",
    )
    below = (
        f"{settings['episodes']} episodes a task of {settings['query']} queries a class, seed {settings['seed']}, drawn from at "
        f"most {settings['most_pictures_a_class']} pictures a class; {settings['others']} pictures of other classes of the set "
        f"and of each other set in each, {settings['image_size']} px. Named are those with a typicality below "
        f"{settings['atypical']:g}. Engine {digest(settings['engine_digest'])}, commit {digest(found['git_commit'])}. From "
        "`results/typicality-probe.json`."
    )
    return "\n".join([*table(head, rows), "", below])


def _interval(values: Sequence[float], plain: bool) -> str:
    mean, half = values
    return f"{mean:{'' if plain else '+'}.1f} ± {half:.1f}"
