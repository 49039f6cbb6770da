"""ISIC 2018 task 3, ISIC 2019 and HAM10000 are read as their zips unpack, and what is missing is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawing import SIZE, Files, Store, either, folder, packed, png

from sgps.datasets.catalogue import image_set
from sgps.errors import InputError
from sgps.manifests import read_labelled

COLUMNS_2018 = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
COLUMNS_2019 = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"


def truth(columns: str, **labels: str) -> bytes:
    """A ground truth: picture to the column of its class."""
    names = columns.split(",")[1:]
    rows = [
        ",".join([image, *("1.0" if name == label else "0.0" for name in names)])
        for image, label in labels.items()
    ]
    return "\n".join([columns, *rows, ""]).encode()


TRAINING, TEST = "ISIC2018_Task3_Training", "ISIC2018_Task3_Test"
TABLE = f"{TRAINING}_GroundTruth/{TRAINING}_GroundTruth.csv"
LESIONS = f"{TRAINING}_LesionGroupings.csv"
ISIC_2018: Files = {
    TABLE: truth(COLUMNS_2018, ISIC_1="NV", ISIC_2="MEL", ISIC_3="AKIEC"),
    LESIONS: b"image,lesion_id,diagnosis_confirm_type\nISIC_1,HAM_1,x\nISIC_2,HAM_2,x\nISIC_3,HAM_1,x\n",
    f"{TRAINING}_Input/ISIC_1.jpg": png(1),
    f"{TRAINING}_Input/ISIC_2.jpg": png(2),
    f"{TRAINING}_Input/ISIC_3.jpg": png(3),
    f"{TRAINING}_Input/LICENSE.txt": b"x",
}
READ_2018 = [
    (f"{TRAINING}_Input/ISIC_3.jpg", "akiec", "HAM_1", "train"),
    (f"{TRAINING}_Input/ISIC_2.jpg", "mel", "HAM_2", "train"),
    (f"{TRAINING}_Input/ISIC_1.jpg", "nv", "HAM_1", "train"),
]


def found(path: Path) -> list[tuple[str, str, str, str]]:
    images = read_labelled(path)
    assert all(image.read(SIZE).shape == (3, SIZE, SIZE) for image in images)
    return [(image.name, image.label, image.group, image.split) for image in images]


@either
@pytest.mark.parametrize("prefix", ["", "isic/"])
def test_isic_2018_is_read_as_its_zips_unpack(tmp_path: Path, store: Store, prefix: str) -> None:
    path = store(tmp_path / "set", {prefix + name: data for name, data in ISIC_2018.items()})
    assert found(path / prefix if path.is_dir() else path) == READ_2018


def test_the_table_itself_and_the_folder_around_it_stand_for_the_set(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", ISIC_2018)
    assert found(root / TABLE) == found((root / TABLE).parent) == READ_2018


@pytest.mark.parametrize(
    "moved",
    [{TABLE: f"{TRAINING}_GroundTruth.csv"}, {LESIONS: f"{TRAINING}_LesionGroupings/{LESIONS}"}],
)
def test_tables_lie_at_the_top_or_in_a_folder_of_their_name(
    tmp_path: Path, moved: dict[str, str]
) -> None:
    files = {moved.get(name, name): data for name, data in ISIC_2018.items()}
    assert found(folder(tmp_path / "set", files)) == READ_2018


def test_pictures_may_lie_beside_the_table_or_one_folder_deeper(tmp_path: Path) -> None:
    for number, place in enumerate(["", f"{TRAINING}_Input/{TRAINING}_Input/"]):
        files = {
            f"{TRAINING}_GroundTruth.csv": truth(COLUMNS_2018, ISIC_1="DF"),
            f"{place}ISIC_1.jpg": png(),
        }
        name = f"{place}ISIC_1.jpg"
        assert found(folder(tmp_path / str(number), files)) == [(name, "df", name, "train")]


def test_labels_are_the_class_names_of_ham10000_in_the_catalogue(tmp_path: Path) -> None:
    codes = COLUMNS_2018.split(",")[1:]
    labels = {f"ISIC_{code}": code for code in codes}
    files = {f"{TRAINING}_Input/{image}.jpg": png() for image in labels}
    files[f"{TRAINING}_GroundTruth.csv"] = truth(COLUMNS_2018, **labels)
    read = {entry[1] for entry in found(folder(tmp_path / "set", files))}
    assert read == set(image_set("ham10000").classes)


def test_all_parts_that_lie_there_are_pooled_and_keep_their_split(tmp_path: Path) -> None:
    files = {
        **ISIC_2018,
        f"{TEST}_GroundTruth/{TEST}_GroundTruth.csv": truth(COLUMNS_2018, ISIC_9="MEL"),
        f"{TEST}_Input/ISIC_9.jpg": png(9),
    }
    splits = [entry[3] for entry in found(folder(tmp_path / "set", files))]
    assert sorted(splits) == ["test", "train", "train", "train"]


def test_isic_2019_groups_by_lesion_where_one_is_stated(tmp_path: Path) -> None:
    pictures = {f"ISIC_2019_Training_Input/ISIC_{n}.jpg": png(n) for n in (1, 2, 3)}
    files = {
        **pictures,
        "ISIC_2019_Training_GroundTruth.csv": truth(
            COLUMNS_2019, ISIC_1="SCC", ISIC_2="AK", ISIC_3="AK"
        ),
        "ISIC_2019_Training_Metadata.csv": b"image,age_approx,anatom_site_general,lesion_id,sex\n"
        b"ISIC_1,55.0,anterior torso,BCN_1,female\nISIC_2,,,BCN_1,\nISIC_3,30.0,,,male\n",
    }
    alone = "ISIC_2019_Training_Input/ISIC_3.jpg"
    assert [entry[1:3] for entry in found(folder(tmp_path / "set", files))] == [
        ("ak", "BCN_1"),
        ("ak", alone),
        ("scc", "BCN_1"),
    ]


def test_weights_beside_the_classes_of_isic_2019_are_no_classes(tmp_path: Path) -> None:
    text = f"{COLUMNS_2019},score_weight,validation_weight\nISIC_1,0,0,0,0,0,0,0,0,1,1,1\n"
    files = {
        "ISIC_2019_Test_GroundTruth.csv": text.encode(),
        "ISIC_2019_Test_Input/ISIC_1.jpg": png(),
    }
    assert [entry[1] for entry in found(folder(tmp_path / "set", files))] == ["unk"]


@either
def test_ham10000_is_read_with_its_metadata(tmp_path: Path, store: Store) -> None:
    files = {
        "HAM10000_metadata.csv": b"lesion_id,image_id,dx,dx_type,age,sex,localization\n"
        b"HAM_1,ISIC_1,bkl,histo,80.0,male,scalp\nHAM_1,ISIC_2,bkl,histo,80.0,male,scalp\n",
        "HAM10000_images_part_1/ISIC_1.jpg": png(1),
        "HAM10000_images_part_2/ISIC_2.jpg": png(2),
    }
    assert [entry[1:] for entry in found(store(tmp_path / "set", files))] == [
        ("bkl", "HAM_1", ""),
        ("bkl", "HAM_1", ""),
    ]


def test_a_ground_truth_in_the_form_of_the_metadata_brings_its_lesions(tmp_path: Path) -> None:
    files = {
        f"{TEST}_GroundTruth.csv": b"lesion_id,image_id,dx,dataset\nHAMTEST_1,ISIC_1,bkl,rosendahl\n",
        f"{TEST}_Input/ISIC_1.jpg": png(),
    }
    assert [entry[1:] for entry in found(folder(tmp_path / "set", files))] == [
        ("bkl", "HAMTEST_1", "test")
    ]


# What is refused


def refusal(tmp_path: Path, files: Files, given: str = "") -> str:
    root = folder(tmp_path / "set", files)
    with pytest.raises(InputError) as caught:
        read_labelled(root / given)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(root), "SET")


def test_missing_pictures_are_named_with_the_zip_to_unpack(tmp_path: Path) -> None:
    files = {name: data for name, data in ISIC_2018.items() if "ISIC_2" not in name}
    assert refusal(tmp_path, files) == (
        "1 of 3 pictures of ISIC2018_Task3_Training_GroundTruth.csv are missing in 'SET': ISIC_2. "
        "Unpack ISIC2018_Task3_Training_Input.zip beside it, or remove what has no picture."
    )


@either
def test_pictures_without_their_table_are_not_taken_for_a_class(
    tmp_path: Path, store: Store
) -> None:
    path = store(tmp_path / "set", {f"{TRAINING}_Input/ISIC_1.jpg": png()})
    message = (
        r"holds pictures of ISIC 2018 task 3 without ISIC2018_Task3_Training_GroundTruth\.csv\. Put"
    )
    for given in [path, path / f"{TRAINING}_Input"] if path.is_dir() else [path]:
        with pytest.raises(InputError, match=message):
            read_labelled(given)


def test_two_challenges_in_one_place_are_refused(tmp_path: Path) -> None:
    files = {
        f"{TRAINING}_GroundTruth.csv": truth(COLUMNS_2018, ISIC_1="DF"),
        "ISIC_2019_Training_GroundTruth.csv": truth(COLUMNS_2019, ISIC_1="DF"),
    }
    said = refusal(tmp_path, files)
    assert said.startswith("'SET' holds tables of ISIC 2018 task 3, ISIC 2019. Give one")


def test_all_faulty_rows_of_a_table_are_listed(tmp_path: Path) -> None:
    rows = f"{COLUMNS_2018}\nISIC_1,1,1,0,0,0,0,0\nISIC_2,0,0,0,0,0,0,0\n\nISIC_3,1,0,0,0,0,0,0\nISIC_3,1\n"
    files = {f"{TRAINING}_GroundTruth.csv": rows.encode()}
    assert refusal(tmp_path, files) == (
        "'SET/ISIC2018_Task3_Training_GroundTruth.csv' has faults: not one picture with one class in row 2, 3; "
        "listed twice ISIC_3. Download it anew."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"image,MEL\n",
            r"needs the columns image and one for each class, .* found: image, MEL\. ",
        ),
        (b"", r"needs the columns .* found: none\. "),
        (COLUMNS_2018.encode(), r"lists no picture\. Download it anew\.$"),
        (b"\xff", r"is not UTF-8 text\. "),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = folder(tmp_path / "set", {f"{TRAINING}_GroundTruth.csv": content})
    with pytest.raises(InputError, match=rf"^'.*{TRAINING}_GroundTruth\.csv' {message}"):
        read_labelled(path)


@pytest.mark.parametrize(
    ("lesions", "message"),
    [
        (b"image,lesion_id\nISIC_1,HAM_1\n", r"^.*Groupings\.csv in '.*' has no row for ISIC_2, I"),
        (b"image,group\n", r"^'.*Groupings\.csv' needs the columns image and lesion_id, found: im"),
    ],
)
def test_a_table_of_lesions_that_lacks_some_is_refused(
    tmp_path: Path, lesions: bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled(packed(tmp_path / "set", ISIC_2018 | {LESIONS: lesions}))
