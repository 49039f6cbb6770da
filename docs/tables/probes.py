"""Tables of the probes: what descriptions tell apart, and what a linear probe reads in the drawings."""

from __future__ import annotations

from tables.cells import digest, table
from tables.reading import Results


def words(results: Results) -> str:
    """How often a description finds its entry of the catalogue."""
    probe = results.load("words-probe")
    shown = ("sentence embedding, as shipped", "letters, tf-idf", "attributes", probe["chosen"])
    texts = ("expert", "plain", "terse")
    rows = []
    for name in shown:
        one = probe["representations"][name]
        cells = [f"{one['queries'][text]:.2f}" for text in texts]
        rows.append([name, *cells, f"{one['mean']:.3f} ± {one['ci95']:.3f}"])
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
