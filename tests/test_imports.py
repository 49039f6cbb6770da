"""Imports run one way, and `import sgps` stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sgps

SOURCE = Path(sgps.__file__).parent

# A module may import from its own step and from those before it, never from a later one.
STAIRS = (
    ("errors", "files", "records", "task", "version"),
    ("dicom", "images", "archives", "labelled", "clinical"),
    ("datasets", "drawings"),
    ("manifests",),
    ("target", "model_card"),
    ("engine",),
    ("estimator",),
    ("evaluation", "pretraining", "service"),
    ("cli", "__main__"),
)
STEP = {name: step for step, names in enumerate(STAIRS) for name in names}

ORACLES_AND_EXTRAS = (
    "distributed",
    "fastapi",
    "lightning",
    "lightning_fabric",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pydicom",
    "ray",
    "tensorboard",
    "timm",
    "torchvision",
)

modules = pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)


def imported(path: Path) -> Iterator[str]:
    """Dotted names that the file imports, wherever in it."""
    package = ("sgps", *path.relative_to(SOURCE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            name = ".".join(part for part in (base, node.module) if part)
            # `from sgps import task` imports a module, `from sgps.task import SupportSet` a name of one.
            yield from (f"{name}.{alias.name}" for alias in node.names)


def part_of(path: Path) -> str:
    """The step's name for a file: its package or module directly under sgps."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@modules
def test_every_module_has_its_place_on_the_stairs(path):
    assert part_of(path) in {*STEP, "__init__"}, "give the new module a step in STAIRS"


@modules
def test_imports_run_one_way(path):
    here = part_of(path)
    # The package itself only offers names for outside.
    own_step = len(STAIRS) if here == "__init__" else STEP[here]
    for name in imported(path):
        root, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if root == "sgps" and target in STEP:
            assert STEP[target] <= own_step, f"{here} imports {name} from a later step"
        elif root == "sgps" and here not in ("__init__", *STAIRS[-1]):
            assert target.startswith("__version__"), (
                f"{here} imports {name} from the package itself"
            )


@modules
def test_no_source_imports_an_oracle(path):
    assert not {name.partition(".")[0] for name in imported(path)} & {"timm", "torchvision"}


@modules
def test_nothing_is_unpickled(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in {"pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load"}
        if called == "torch.load":
            options = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert options.get("weights_only") == "True"


@modules
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_importing_sgps_loads_no_extra():
    code = "import sys, sgps; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, *ORACLES_AND_EXTRAS],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
    assert done.stderr == ""
