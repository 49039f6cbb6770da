"""The number and the table of the README."""

from __future__ import annotations

from tables.cells import accuracy, difference, named, number, remarks, source, table
from tables.reading import ENOUGH, FIVE, MODALITIES, NOVEL, Results, Task, is_peer, on_peer_network


def honest_number(results: Results) -> str:
    """One sentence about the classes that the engine has never seen, all of them at once."""
    tasks = [task for task in results.tasks(NOVEL) if "sgps" in task.methods]
    widest = max((task.way for task in tasks), default=0)
    tasks = [task for task in tasks if task.way == widest]
    if not tasks:
        return "Not measured yet."
    names = ", ".join(label.upper() for label in tasks[0].data["pictures"])
    parts = [_with_best(task) for task in tasks]
    episodes = format(tasks[0].settings["episodes"], ",")
    return (
        f"On {_WORDS.get(widest, widest)} skin diseases of HAM10000 that the engine has never seen ({names}; chance "
        f"{100 / widest:.0f}), it is right for {' and '.join(parts)}; {episodes} episodes, 95 % intervals, "
        "lesions kept apart."
    )


_WORDS = {2: "two", 3: "three"}


def _with_best(task: Task) -> str:
    shots = f"{task.shot} picture{'s' if task.shot > 1 else ''} a class"
    places = (
        (on_peer_network, "methods on the same network's ImageNet features"),
        (is_peer, "comparison methods of all kinds"),
    )
    notes = []
    for chosen, title in places:
        peers = task.comparable(chosen)
        best = task.best(peers)
        if best is not None:
            own = ", ".join([f"`{best}`", *remarks(task, best)])
            notes.append(
                f"best of {len(peers)} {title}, {own}: {accuracy(task.methods[best])}",
            )
    return f"**{accuracy(task.methods['sgps'])} %** with {shots} ({'; '.join(notes)})"


def measured(results: Results) -> str:
    """Every task with the best peer on the target's own ImageNet network, and with the best of all."""
    head = ("task", "shots", "sgps", "best peer on ImageNet V2-B0", "sgps minus it")
    shown = []
    for shot in (1, 5):
        for file in (NOVEL, FIVE, MODALITIES):
            shown += results.tasks(file, shots=[shot])
        shown += results.means([shot])
    shown = [task for task in shown if "sgps" in task.methods]
    rows = [_row(task) for task in shown]
    more = [
        "± is the 95 % interval over episodes; differences are paired, and the best peer is the one from which sgps differs "
        f"least on the episodes that it has answered, of which it needs {ENOUGH}: methods that take gradient steps have 6 on "
        "novel classes and none on the other tasks ([docs/results.md](docs/results.md) has their figures). `@base` and "
        "`@engine` are heads on the engine's own features.",
        *(f"{name}: {results.title(file)}." for file, name in _NAMES.items() if results.has(file)),
    ]
    lines = table((*head, "best peer of all", "sgps minus it", "ECE of sgps"), rows)
    return "\n".join([*lines, *source(shown, *more)])


_NAMES = {NOVEL: "Novel", FIVE: "5 of 7", MODALITIES: "The sets"}


def _row(task: Task) -> list[str]:
    cells = [task.title, str(task.shot), accuracy(task.methods["sgps"])]
    for chosen in (on_peer_network, is_peer):
        best = task.best(task.comparable(chosen))
        cells += [named(task, best), difference(task.paired(best) if best else None)]
    return [*cells, number(task.methods["sgps"]["ece"], ".3f")]
