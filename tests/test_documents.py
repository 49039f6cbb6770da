"""Documents say what the results say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from typer.testing import CliRunner

from sgps.cli import app
from sgps.clinical.conditions import conditions

ROOT = Path(__file__).parent.parent


def test_the_tables_of_the_readme_are_those_of_the_results() -> None:
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "docs" / "make_tables.py")
    make_tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_tables)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- number -->" in readme
    assert "<!-- results -->" in readme
    assert make_tables.fill(readme) == readme


def test_links_of_the_readme_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in t]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_readme_shows_what_describe_prints_and_counts_the_catalogue() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    done = CliRunner().invoke(app, ["describe", "DF", "--modality", "dermatoscopy"])
    assert done.stdout in readme
    assert f"The catalogue holds {len(conditions())} conditions" in readme
