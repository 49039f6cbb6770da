"""A recipe is read whole or refused, and its digest names the result it leads to."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from pools import quick, tiny_recipe

from sgps.datasets.catalogue import set_names
from sgps.errors import InputError
from sgps.pretraining.config import Episodic, Expert, Optimization, Recipe, load_recipe
from sgps.pretraining.limits import LIMITS
from sgps.target.architecture import build_architecture

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))

MINIMAL = """
name = "small"
start = "weights/start.safetensors"
data = "../sets"

[representation]
steps = 10

[[experts]]
name = "skin"
families = ["dermatoscopy"]
steps = 5
image_size = 96

[episodic]
steps = 3
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_of_the_project_can_be_read(path):
    recipe = load_recipe(path)
    build_architecture(recipe.architecture)
    assert set(recipe.held_out) <= set(set_names())
    assert recipe.experts


def test_paths_are_relative_to_the_recipe(tmp_path):
    recipe = load_recipe(write(tmp_path, MINIMAL))
    assert recipe.start == str((tmp_path / "weights/start.safetensors").resolve())
    assert recipe.data == (tmp_path.parent / "sets").resolve()


def test_what_the_recipe_leaves_out_has_a_default_and_the_rest_is_as_written(tmp_path):
    recipe = load_recipe(write(tmp_path, MINIMAL))
    assert recipe.architecture == "tf_efficientnetv2_b0"
    assert recipe.representation == dataclasses.replace(
        quick(10), batch_size=48, warmup_steps=50, image_size=128
    )
    assert recipe.experts[0].families == ("dermatoscopy",)
    assert (recipe.experts[0].optimization.steps, recipe.experts[0].optimization.image_size) == (
        5,
        96,
    )
    assert (recipe.episodic.steps, recipe.episodic.head_steps) == (3, 300)
    assert not recipe.experts[0].from_start


def test_an_expert_may_be_told_to_go_on_from_the_start(tmp_path):
    text = MINIMAL.replace("steps = 5", "steps = 5\nfrom_start = true")
    assert load_recipe(write(tmp_path, text)).experts[0].from_start


def test_unknown_missing_and_wrong_keys_are_all_named(tmp_path):
    text = MINIMAL.replace('name = "small"', 'colour = 1\nspeed = 2\nseed = "zero"')
    message = r"^small\.toml: unknown colour, speed; missing name; of the wrong kind seed\. Known keys: name, start"
    with pytest.raises(InputError, match=message):
        load_recipe(write(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[representation]\nsteps = 10",
            "[representation]\nstep = 1",
            r"^small\.toml \[representation\]: unknown step; missing steps\. Known keys: steps, batch_size",
        ),
        (
            "[episodic]\nsteps = 3",
            "[episodic]\nsteps = true\nshots = 3",
            r"^small\.toml \[episodic\]: unknown shots; of the wrong kind steps\. Known",
        ),
        (
            "[[experts]]\n",
            "[[experts]]\nrate = 3\n",
            r"^small\.toml \[\[experts\]\] 1: unknown rate\. Known keys: steps",
        ),
        (
            "[episodic]\n",
            "[episodic]\ngenerator_width = 6\n",
            r"^small\.toml: episodic\.generator_width = 6 \(a multiple of 4, the number of attention heads\)\. Correct",
        ),
        ("[episodic]\nsteps = 3", "", r"^small\.toml: missing episodic\. Known"),
        (
            'families = ["dermatoscopy"]',
            "families = [1]",
            r"^small\.toml \[\[experts\]\] 1: of the wrong kind families\. Known keys: name, families",
        ),
        (
            "[representation]\nsteps = 10",
            "",
            r"^small\.toml: missing representation\. Known keys",
        ),
        (
            'families = ["dermatoscopy"]\n',
            "",
            r"^small\.toml \[\[experts\]\] 1: missing families\. Known keys: name, families, from_start, share",
        ),
        (
            "[[experts]]",
            "[experts]",
            r"^small\.toml: each expert must be a table \[\[experts\]\] of its own",
        ),
        (
            "[episodic]",
            '[[experts]]\nname = "skin"\nfamilies = []\nsteps = 1\n[episodic]',
            r"^small\.toml: several experts are named skin\. Rename them",
        ),
        ('data = "../sets"', "data = 3", r"^small\.toml: of the wrong kind data\. Known"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(tmp_path, old, new, message):
    assert old in MINIMAL
    with pytest.raises(InputError, match=message):
        load_recipe(write(tmp_path, MINIMAL.replace(old, new)))


def test_a_section_that_is_no_table_is_refused(tmp_path):
    text = MINIMAL.replace("[episodic]\nsteps = 3", "").replace("data =", "episodic = 5\ndata =")
    with pytest.raises(InputError, match=r"^small\.toml \[episodic\] must be a table"):
        load_recipe(write(tmp_path, text))


def test_a_missing_recipe_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^no readable recipe at .*absent\.toml\. The ones"):
        load_recipe(tmp_path / "absent.toml")


def test_a_file_that_is_not_toml_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^.*small\.toml is not a readable TOML file: "):
        load_recipe(write(tmp_path, "steps = = 3"))


def test_the_digest_does_not_depend_on_where_files_lie_nor_on_checkpoint_intervals(tmp_path):
    recipe = tiny_recipe(tmp_path)
    moved = tiny_recipe(tmp_path / "elsewhere", checkpoint_minutes=1.0)
    assert moved.digest == recipe.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"start": "other.safetensors"},
        {"representation": quick(5)},
        {"held_out": ()},
        {"base_step": 0.4},
        {"teachers": ("lite0",)},
    ],
)
def test_the_digest_depends_on_what_decides_the_result(tmp_path, changes):
    assert tiny_recipe(tmp_path, **changes).digest != tiny_recipe(tmp_path).digest


@pytest.mark.parametrize("count", [1, 9])
def test_too_few_drawings_to_learn_words_from_are_refused(tmp_path, count):
    path = write(tmp_path, f"lexicon_drawings = {count}\n{MINIMAL}")
    message = (
        rf"^small\.toml: lexicon_drawings = {count} \(0, or at least 10\)\. Correct the recipe\.$"
    )
    with pytest.raises(InputError, match=message):
        load_recipe(path)
    assert load_recipe(write(tmp_path, f"lexicon_drawings = 10\n{MINIMAL}")).lexicon_drawings == 10


def test_values_that_make_no_sense_are_all_named_on_one_line(tmp_path):
    text = MINIMAL.replace('name = "skin"', 'name = "a/b"\nlearning_rate = nan')
    text = text.replace("steps = 10", "steps = 10\nlabel_smoothing = 1.5\nbatch_size = 0")
    text = text.replace("steps = 3", "steps = 3\nmax_way = 1\nmax_shot = -2\ngenerator_width = 0")
    text = f"seed = -1\nmax_images = -5\nbase_step = inf\nimage_size = 4\n{text}\nqueries = 0\n"
    parts = [
        "image_size = 4 (at least 32)",
        "seed = -1 (0 to 4294967295)",
        "base_step = inf (any finite number)",
        "max_images = -5 (at least 0)",
        "representation.batch_size = 0 (at least 1)",
        "representation.label_smoothing = 1.5 (0 to 1)",
        "a/b.name = 'a/b' (letters, digits, - and _, beginning with neither of these two)",
        "a/b.learning_rate = nan (at least 0)",
        "episodic.max_way = 1 (at least 2)",
        "episodic.max_shot = -2 (at least 1)",
        "episodic.queries = 0 (at least 1)",
        "episodic.generator_width = 0 (at least 1)",
    ]
    message = re.escape(f"small.toml: {'; '.join(parts)}. Correct the recipe.")
    with pytest.raises(InputError, match=f"^{message}$"):
        load_recipe(write(tmp_path, text))


@pytest.mark.parametrize("cls", [Recipe, Optimization, Expert, Episodic])
def test_every_number_of_a_recipe_has_a_range(cls):
    numbers = {field.name for field in dataclasses.fields(cls) if field.type in ("int", "float")}
    assert numbers <= set(LIMITS)


def test_families_that_no_set_has_are_all_named(tmp_path):
    text = MINIMAL.replace('["dermatoscopy"]', '["dermatoscopy", "dermatoscpy", "skin"]')
    text = text.replace(
        "[episodic]", '[[experts]]\nname = "idle"\nfamilies = []\nsteps = 1\n[episodic]'
    )
    families = "of dermatoscopy, radiology, microscopy, photograph, drawn"
    message = re.escape(
        f"small.toml: skin.families dermatoscpy, skin ({families}); idle.families none ({families}). Correct"
    )
    with pytest.raises(InputError, match=f"^{message}"):
        load_recipe(write(tmp_path, text))


def test_teachers_are_known_names_or_files_beside_the_recipe(tmp_path):
    (tmp_path / "b0.safetensors").write_bytes(b"")
    path = write(tmp_path, f'teachers = ["lite0", "b0.safetensors"]\n{MINIMAL}')
    assert load_recipe(path).teachers == ("lite0", str(tmp_path.resolve() / "b0.safetensors"))
    path = write(tmp_path, f'teachers = ["lite0", "lite1", "b1.safetensors"]\n{MINIMAL}')
    message = r"^small\.toml: teachers .*/lite1, .*/b1\.safetensors \(neither lite0 nor lite2 nor a file\)\."
    with pytest.raises(InputError, match=message):
        load_recipe(path)


def test_the_recipes_named_for_several_processes_can_be_shared_by_them():
    text = (RECIPES[0].parent / "README.md").read_text(encoding="utf-8")
    shared = re.findall(r"(?:--nproc-per-node|--devices) (\d+) .* recipes/(\S+\.toml)", text)
    assert len(shared) == 2
    for count, name in shared:
        load_recipe(RECIPES[0].parent / name).refuse_processes(int(count))
