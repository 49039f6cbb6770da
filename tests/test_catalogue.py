"""The catalogue of image sets: every role is the binding one, every class is described, dev classes are refused."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import pytest

from sgps.datasets import catalogue
from sgps.datasets.catalogue import (
    descriptions_of,
    image_set,
    refuse_dev,
    role_of,
    set_names,
)
from sgps.errors import InputError

# Written out by hand from the binding table of roles: a slip in sets.toml must not be able to hide here.
DEV = {
    "aml_cytomorph15": {
        "BAS", "EBO", "EOS", "KSC", "LYA", "LYT", "MMZ", "MOB", "MON", "MYB", "MYO", "NGB", "NGS", "PMB", "PMO",
    },
    "cxr_talo": {"covid19", "no_findings", "pneumonia"},
    "ham10000": {"akiec", "df", "vasc"},
    "histo_crc_nct7": {"ADI", "LYM", "MUC", "MUS", "NORM", "STR", "TUM"},
    "otoscopy_otitis4": {"chronic_otitis_media", "earwax_plug", "myringosclerosis", "normal"},
    "pbc_8": {"basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil", "platelet"},
    "wound_azh": {"background", "diabetic_ulcer", "normal_skin", "pressure_ulcer", "surgical_wound", "venous_ulcer"},
}  # fmt: skip
TRAIN = {
    "alzheimer_mri4": {"MildDemented", "ModerateDemented", "NonDemented", "VeryMildDemented"},
    "bccd_wbc4": {"eosinophil", "lymphocyte", "monocyte", "neutrophil"},
    "brain_mri_nickparvar4": {"glioma", "meningioma", "notumor", "pituitary"},
    "cervix_herlev7": {
        "carcinoma_in_situ", "light_dysplastic", "moderate_dysplastic", "normal_columnar", "normal_intermediate",
        "normal_superficiel", "severe_dysplastic",
    },
    "cervix_lbc4": {"HSIL", "LSIL", "SCC"},
    "chest_ct_cancer4": {"adenocarcinoma", "large_cell_carcinoma", "normal", "squamous_cell_carcinoma"},
    "cxr_kermany3": {"bacterial_pneumonia", "normal", "viral_pneumonia"},
    "fundus_odir8": {
        "amd", "cataract", "diabetic_retinopathy", "glaucoma", "hypertension", "normal", "other",
        "pathological_myopia",
    },
    "ham10000": {"bcc", "bkl", "mel", "nv"},
    "histo_breakhis400_2": {"benign", "malignant"},
    "histo_prostate4": {"grade_0", "grade_1", "grade_2", "grade_3"},
    "isic2017": {"melanoma", "nevus", "seborrheic_keratosis"},
    "knee_oa_kl": {"KL0", "KL1", "KL2", "KL3", "KL4"},
    "leukemia_all4": {"all_early_preB", "all_preB", "all_proB", "benign_hematogone"},
    "lung_ct_iqothnccd": {"benign", "malignant", "normal"},
    "mammo_ddsm2": {"Benign_Masses", "Malignant_Masses"},
    "medical_mnist_modality": {"AbdomenCT", "BreastMRI", "CXR", "ChestCT", "Hand", "HeadCT"},
    "mhsma_sperm_acrosome": {"abnormal", "normal"},
    "mhsma_sperm_head": {"abnormal", "normal"},
    "mhsma_sperm_tail": {"abnormal", "normal"},
    "mhsma_sperm_vacuole": {"abnormal", "normal"},
    "oral_histo_oscc": {"normal", "oscc"},
}  # fmt: skip

ALL_TEXTS = [
    (name, label, text)
    for name in set_names()
    for label, texts in descriptions_of(name).items()
    for text in texts
]


def test_the_dev_classes_are_exactly_the_binding_ones() -> None:
    assert {n: set(image_set(n).dev_labels) for n in set_names() if image_set(n).dev_labels} == DEV


def test_the_train_classes_are_exactly_the_binding_ones() -> None:
    assert {
        n: set(image_set(n).train_labels) for n in set_names() if image_set(n).train_labels
    } == TRAIN


def test_every_class_has_two_or_three_descriptions() -> None:
    counts = {len(texts) for name in set_names() for texts in descriptions_of(name).values()}
    assert counts == {2, 3}


def test_every_description_is_one_clean_text_of_15_to_45_words() -> None:
    for name, label, text in ALL_TEXTS:
        assert 15 <= len(text.split()) <= 45, (name, label)
        assert " ".join(text.split()) == text, (name, label)
        assert text.endswith("."), (name, label)
        assert text[0].isupper(), (name, label)


def test_no_description_is_used_twice() -> None:
    assert [text for text, n in Counter(text for _, _, text in ALL_TEXTS).items() if n > 1] == []


def test_descriptions_are_spelled_the_american_way() -> None:
    british = re.compile(r"colour|centre|tumour|oedem|haem|anaem|grey|leukaem|fibre|mould|pyaem")
    assert [text for _, _, text in ALL_TEXTS if british.search(text.lower())] == []


def test_set_names_and_labels_are_sorted_so_that_their_order_never_depends_on_the_file() -> None:
    assert list(set_names()) == sorted(set_names())
    for name in set_names():
        assert list(image_set(name).classes) == sorted(image_set(name).classes)


def test_every_set_states_modality_license_reference_and_source() -> None:
    for name in set_names():
        entry = image_set(name)
        assert entry.name == name
        assert entry.modality
        assert entry.license
        assert entry.reference
        assert entry.source


def test_all_four_families_have_classes_to_pretrain_on() -> None:
    families = {image_set(n).family for n in set_names() if image_set(n).train_labels}
    assert families == {"dermatoscopy", "radiology", "microscopy", "photograph"}


def test_the_catalogue_cannot_be_changed_by_its_readers() -> None:
    entry = image_set("ham10000")
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.classes["mel"].role = "dev"  # type: ignore[misc]
    with pytest.raises(TypeError):
        entry.classes["new"] = entry.classes["mel"]  # type: ignore[index]
    descriptions_of("ham10000")["mel"].clear()
    assert descriptions_of("ham10000")["mel"]


def test_roles_differ_within_one_set() -> None:
    assert role_of("ham10000", "mel") == "train"
    assert role_of("ham10000", "vasc") == "dev"


def test_train_classes_pass_the_guard() -> None:
    for name, labels in TRAIN.items():
        refuse_dev(name, labels)


def test_the_guard_names_all_dev_classes_and_only_those() -> None:
    with pytest.raises(
        InputError,
        match=r"^akiec, df, vasc of ham10000 are dev classes and may never be pretrained on\. Leave them out\.$",
    ):
        refuse_dev("ham10000", ["vasc", "mel", "df", "nv", "akiec", "df"])


def test_the_guard_shortens_no_list() -> None:
    with pytest.raises(InputError, match=r"^BAS, EBO, .*, PMB, PMO of aml_cytomorph15 are dev "):
        refuse_dev("aml_cytomorph15", DEV["aml_cytomorph15"])


def test_the_guard_refuses_a_set_whose_roles_are_unknown() -> None:
    with pytest.raises(
        InputError,
        match=r"^image set 'mine' is not in the catalogue, so its roles are unknown\. Use one of alz",
    ):
        refuse_dev("mine", ["a"])


def test_the_guard_refuses_a_class_that_the_set_does_not_have() -> None:
    with pytest.raises(
        InputError, match=r"^knee_oa_kl has no class KL5, kl0\. Its classes are KL0, "
    ):
        refuse_dev("knee_oa_kl", ["KL0", "kl0", "KL5"])


def test_a_class_without_a_role_stops_the_loader() -> None:
    table = {"train": ["a"], "dev": [], "family": "radiology", "descriptions": {"a": [], "b": []}}
    with pytest.raises(AssertionError, match=r"^roles of broken"):
        catalogue._image_set("broken", table)
