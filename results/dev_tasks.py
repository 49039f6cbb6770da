"""The eight tasks of the dev sets that the engine is looked at with, outside of the benchmark's protocols."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Task:
    """One few-shot problem of a set; episodes are drawn anew for each number of shots."""

    title: str
    """As in the other tables."""
    data: str
    """Name of the set."""
    way: int
    classes: tuple[str, ...] | None = None
    """Those that episodes are drawn from; all by default."""


TASKS = (
    Task(title="novel 3-way", data="ham10000", way=3, classes=("akiec", "df", "vasc")),
    Task(title="5 of 7 skin diseases", data="ham10000", way=5),
    Task(title="otoscopy_otitis4 4-way", data="otoscopy_otitis4", way=4),
    Task(title="cxr_talo 3-way", data="cxr_talo", way=3),
    Task(title="wound_azh 5-way", data="wound_azh", way=5),
    Task(title="pbc_8 5-way", data="pbc_8", way=5),
    Task(title="histo_crc_nct7 5-way", data="histo_crc_nct7", way=5),
    Task(title="aml_cytomorph15 5-way", data="aml_cytomorph15", way=5),
)
