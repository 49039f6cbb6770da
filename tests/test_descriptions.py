from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgps.errors import InputError
from sgps.manifests import read_descriptions

EXPECTED = {"MEL": ["dark, asymmetric"], "NV": ["even", "símple"]}
SAME = {
    "a.yaml": "MEL: dark, asymmetric\nNV:\n  - even\n  - símple\n",
    "a.yml": "MEL: dark, asymmetric\nNV: [even, símple]\n",
    "a.JSON": '{"MEL": " dark, asymmetric ", "NV": ["even", "símple"]}',
    "a.toml": 'MEL = "dark, asymmetric"\nNV = ["even", "símple"]\n',
}


def stored(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_kind_of_file_gives_the_same_texts(tmp_path: Path, name: str, mark: str) -> None:
    assert read_descriptions(stored(tmp_path, name, mark + SAME[name])) == EXPECTED


TEXT = st.text(min_size=1).filter(lambda text: text.strip() == text != "")
NAME = TEXT.filter(lambda text: unicodedata.is_normalized("NFC", text))


@given(st.dictionaries(NAME, st.lists(TEXT, min_size=1), min_size=1))
def test_any_texts_written_as_json_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, list[str]]
) -> None:
    path = stored(tmp_path_factory.getbasetemp(), "any.json", json.dumps(texts))
    assert read_descriptions(path) == texts


def test_names_are_brought_to_one_form_of_unicode(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "Lésion")
    path = stored(tmp_path, "a.json", json.dumps({apart: ["dark"]}))
    assert read_descriptions(path) == {"Lésion": ["dark"]}
    path = stored(tmp_path, "b.json", json.dumps({apart: ["dark"], "Lésion": ["pale"]}))
    with pytest.raises(InputError, match=r"b\.json' describes Lésion twice, spelled in two forms"):
        read_descriptions(path)


def test_an_unknown_extension_is_refused(tmp_path: Path) -> None:
    message = r"^'.*a\.txt' is none of \.yaml, \.yml, \.json, \.toml\. Give the descriptions as"
    with pytest.raises(InputError, match=message):
        read_descriptions(stored(tmp_path, "a.txt", "MEL: dark"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot read '.*a\.yaml' \(No such file or directory\)"):
        read_descriptions(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "MEL: [dark\nNV: x"),
        ("a.yaml", "MEL: 2020-99-99"),
        ("a.yaml", "MEL: !!python/object:os.system x"),
        ("a.json", ""),
        ("a.json", '{"MEL": '),
        ("a.json", "[" * 100_000),
        ("a.toml", "MEL = dark"),
        ("a.toml", 'MEL = "a"\nMEL = "b"'),
    ],
)
def test_a_file_that_cannot_be_parsed_is_refused_in_one_line(
    tmp_path: Path, name: str, text: str
) -> None:
    message = r"^'.*' cannot be parsed \(.+\)\. Mend the file\.$"
    with pytest.raises(InputError, match=message) as caught:
        read_descriptions(stored(tmp_path, name, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^'.*a\.yaml' is not UTF-8 text\. Save it in UTF-8\.$"):
        read_descriptions(stored(tmp_path, "a.yaml", "MEL: símple".encode("latin-1")))


@pytest.mark.parametrize(
    ("name", "text", "held"),
    [
        ("a.yaml", "", "nothing"),
        ("a.yaml", "{}", "nothing"),
        ("a.yaml", "dark", "a text"),
        ("a.json", '["dark"]', "a list"),
        ("a.json", "3", "a number"),
    ],
)
def test_anything_but_a_mapping_is_refused(tmp_path: Path, name: str, text: str, held: str) -> None:
    with pytest.raises(InputError, match=rf"^'.*' holds {held}\. Map each class to a text or a li"):
        read_descriptions(stored(tmp_path, name, text))


def test_all_faulty_classes_are_listed(tmp_path: Path) -> None:
    text = 'A:\nB: ""\nC: [x, 3]\nD: {x: y}\nE: []\nF: [x, [y]]\nG: [x, null]\nno: x\n1: x\nH: ok\n'
    message = (
        r"^'.*' has faults: A has nothing, B has nothing, C has a number, D has a mapping, "
        r"E has nothing, F has a list, G has nothing, False is a truth value, 1 is a number\. "
        r"Map each class to a text or a list of texts\. In YAML a class such as 1 or no needs quotes"
    )
    with pytest.raises(InputError, match=message):
        read_descriptions(stored(tmp_path, "a.yaml", text))
