"""DICOM: what a reader sees on opening a file, and what is refused; files of pydicom's own are read, too."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from drawing import SIZE, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, SecondaryCaptureImageStorage

from sgps import SynthesizedClassifier
from sgps.dicom import DicomError, read_dicom
from sgps.images import ImageError, read_image, read_image_bytes

EXAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
NAME = "Secret^Person"


def dataset(values, **elements):
    """A file's dataset with these stored values: gray (H, W) or color (H, W, 3)."""
    color = values.ndim == 3
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    found.SOPClassUID, found.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    found.PatientName, found.PatientID = NAME, NAME
    found.Rows, found.Columns = values.shape[:2]
    found.SamplesPerPixel = 3 if color else 1
    if color:
        found.PlanarConfiguration = 0
    found.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = 8 * values.dtype.itemsize
    found.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in elements.items():
        setattr(found, name, value)
    found.HighBit = found.BitsStored - 1
    found.PixelData = values.tobytes()
    return found


def file_of(found):
    """The bytes of a file."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd values, which are on purpose
        found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def read(values, **elements):
    return read_dicom(io.BytesIO(file_of(dataset(values, **elements))), 1_000_000)


def refusal(values, **elements):
    with pytest.raises(DicomError) as caught:
        read(values, **elements)
    return str(caught.value)


LEVELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)
"""Every value of 12 bits."""


def test_the_stated_window_goes_from_black_to_white() -> None:
    found = read(LEVELS, BitsStored=12, WindowCenter=1000, WindowWidth=401)
    # PS3.3 C.11.2.1.2.1: black up to c - 0.5 - (w - 1) / 2, white above c - 0.5 + (w - 1) / 2.
    expected = ((LEVELS - (999.5 - 200)) / 400).clip(0, 1) * 255
    assert np.abs(found - expected).max() <= 0.5 + 1e-9
    assert found.flat[799] == 0
    assert found.flat[1200] == 255


def test_rescaled_values_are_windowed_in_their_unit() -> None:
    stored = np.array([[0, 984, 1024, 1064, 2048]], dtype=np.int16)
    found = read(stored, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40.5, WindowWidth=81)
    assert found.tolist() == [[0, 0, 0, 128, 255]]


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, 40), (-2.0, 400)])
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # PS3.3 C.11.2.1.2.1, C.11.2.1.3.2 and C.11.2.1.3.1, from black 0 to white 1.
        ("LINEAR", lambda x: (x - (200 - 0.5)) / (300 - 1) + 0.5),
        ("LINEAR_EXACT", lambda x: (x - 200) / 300 + 0.5),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 200) / 300))),
    ],
)
def test_every_function_of_a_window_is_that_of_the_standard(
    function, expected, slope, intercept
) -> None:
    elements = {"BitsStored": 12, "WindowCenter": 200, "WindowWidth": 300}
    elements |= {"VOILUTFunction": function, "RescaleSlope": slope}
    elements["RescaleIntercept"] = intercept
    found = read(LEVELS, **elements)
    assert np.abs(found - 255 * expected(slope * LEVELS + intercept).clip(0, 1)).max() <= 0.51
    assert len(np.unique(found)) > 50


def test_of_several_windows_the_first_counts() -> None:
    both = read(LEVELS, BitsStored=12, WindowCenter=[900, 2000], WindowWidth=[300, 4000])
    assert np.array_equal(both, read(LEVELS, BitsStored=12, WindowCenter=900, WindowWidth=300))


def test_a_table_of_interest_is_followed() -> None:
    table = Dataset()
    table.LUTDescriptor = [4, 10, 10]
    table.add_new("LUTData", "US", [0, 1023, 511, 1023])
    stored = np.array([[0, 10, 11, 12, 13, 200]], dtype=np.uint8)
    with_table = read(stored, VOILUTSequence=Sequence([table]))
    assert with_table.tolist() == [[0, 0, 255, 127, 255, 255]]


def test_white_may_be_zero() -> None:
    elements = {"BitsStored": 12, "WindowCenter": 1000, "WindowWidth": 401}
    inverted = read(LEVELS, PhotometricInterpretation="MONOCHROME1", **elements)
    assert np.abs(inverted.astype(int) + read(LEVELS, **elements) - 255).max() <= 1
    assert inverted.flat[0] == 255


def test_without_a_window_the_stored_range_goes_from_black_to_white() -> None:
    stored = np.array([[0, 128, 255]], dtype=np.uint8)
    assert read(stored).tolist() == [[0, 128, 255]]
    found = read(LEVELS, BitsStored=12)
    assert np.abs(found - LEVELS * (255 / 4095)).max() <= 0.5 + 1e-9
    same = read(LEVELS, BitsStored=12, RescaleSlope=1, RescaleIntercept=0)
    assert np.array_equal(same, found)


def test_what_has_no_window_but_a_unit_or_little_of_the_range_is_refused() -> None:
    message = (
        "is a DICOM file that states no window (export it as PNG with the window you read it in)"
    )
    assert refusal(LEVELS.astype(np.int16)) == message
    assert refusal(LEVELS, BitsStored=12, RescaleSlope=1, RescaleIntercept=-1024) == message
    by_frame = {"PerFrameFunctionalGroupsSequence": Sequence([Dataset()])}
    assert refusal(LEVELS, BitsStored=12, **by_frame) == message
    assert refusal(LEVELS // 2).startswith("is a DICOM file that states no window and would be alm")


def test_colors_become_rgb() -> None:
    picture = noise(16, 16)
    assert np.array_equal(read(picture), picture)
    ycc = np.array(Image.fromarray(picture).convert("YCbCr"))
    found = read(ycc, PhotometricInterpretation="YBR_FULL").astype(int)
    assert np.abs(found - np.array(Image.fromarray(ycc, "YCbCr").convert("RGB"))).max() <= 2
    indices = np.array([[0, 1, 2]], dtype=np.uint8)
    for bits, top in ((8, 255), (16, 65535)):
        tables = {"Red": [0, top, 0, 0], "Green": [0, 0, top, 0], "Blue": [0] * 4}
        kind = np.uint8 if bits == 8 else np.uint16
        elements = {}
        for name, values in tables.items():
            elements[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, bits]
            data = np.array(values, dtype=kind).tobytes()
            elements[f"{name}PaletteColorLookupTableData"] = data
        found = read(indices, PhotometricInterpretation="PALETTE COLOR", **elements)
        assert found.tolist() == [[[0, 0, 0], [255, 0, 0], [0, 255, 0]]], bits


def test_compressed_pixels_are_the_same() -> None:
    packed = dataset(LEVELS, BitsStored=12, WindowCenter=1000, WindowWidth=401)
    expected = read_dicom(io.BytesIO(file_of(packed)), 1_000_000)
    packed.compress(RLELossless)
    assert np.array_equal(read_dicom(io.BytesIO(file_of(packed)), 1_000_000), expected)
    # Losslessly packed by others: JPEG 2000, JPEG-LS, and as big as the machine has it.
    plain = read_image(EXAMPLES / "MR_small.dcm", None)
    for kind in ("jp2klossless", "jpeg_ls_lossless", "RLE", "bigendian", "implicit"):
        assert read_image(EXAMPLES / f"MR_small_{kind}.dcm", None).equal(plain), kind


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"NumberOfFrames": 2}, "is a DICOM file of several frames ("),
        ({"BitsAllocated": 32, "BitsStored": 32}, "has pixels of neither 8 nor 16 bits ("),
        ({"PresentationIntentType": "FOR PROCESSING"}, "is a DICOM file of raw data ("),
        ({"PixelSpacing": [1, 2]}, "has pixels that are not square ("),
        ({"PixelAspectRatio": [3, 4]}, "has pixels that are not square ("),
        ({"Rows": 2000, "Columns": 2000}, "has too many pixels (at most 1 million: shrink it)"),
        ({"PhotometricInterpretation": "HSV"}, "is a DICOM file of an unknown kind of color ("),
        ({"SamplesPerPixel": 3}, "is a DICOM file of an unknown kind of color ("),
        ({"Rows": 65}, "is damaged, or compressed in a way that is not read (DICOM, ValueError)"),
        ({"WindowCenter": 9, "WindowWidth": 0}, "is damaged (DICOM, ValueError)"),
        (
            {"WindowCenter": 9, "WindowWidth": 9, "RescaleSlope": 0, "RescaleIntercept": 0},
            "is a DICOM file whose window has no meaning (",
        ),
        ({"PhotometricInterpretation": None}, "is a DICOM file of an unknown kind of color ("),
    ],
    ids=str,
)
def test_what_cannot_be_shown_faithfully_is_refused(elements, message) -> None:
    assert refusal(LEVELS, **elements).startswith(message)


def test_color_of_16_bits_is_refused() -> None:
    deep = noise(16, 16).astype(np.uint16)
    assert refusal(deep) == "has color of more than 8 bits (export it as PNG of 8)"


def test_pixels_that_are_nearly_square_are_taken_as_such() -> None:
    stored = np.array([[0, 255]], dtype=np.uint8)
    assert read(stored, PixelSpacing=[0.7, 0.7004]).tolist() == [[0, 255]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for path in EXAMPLES.rglob("*")
        if path.is_file() and path.read_bytes()[128:132] == b"DICM"
    ),
    ids=lambda path: str(path.relative_to(EXAMPLES)),
)
def test_other_peoples_files_give_a_picture_or_a_reason(path, capsys) -> None:
    try:
        outcome = str(tuple(read_image(path, SIZE).shape))
    except ImageError as error:
        outcome = str(error)
    assert outcome == "(3, 16, 16)" or outcome.startswith(f"cannot use picture {path}: it ")
    assert "\n" not in outcome
    assert capsys.readouterr().out == ""


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_bytes_give_a_picture_or_an_error_that_names_nobody(draw) -> None:
    stored = dataset(np.arange(64, dtype=np.uint8).reshape(8, 8), WindowCenter=30, WindowWidth=50)
    data = bytearray(file_of(stored))
    for _ in range(4):
        data[draw.draw(st.integers(132, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            outcome = str(read_image_bytes(bytes(data), "a.dcm", SIZE).shape)
        except ImageError as error:
            outcome = str(error)
    assert outcome.startswith(("torch.Size([3, 16, 16])", "cannot use picture a.dcm: it "))
    assert NAME not in outcome
    assert not [one for one in heard if NAME in str(one.message)]


def test_without_the_extra_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(
        ImageError,
        match=r'^cannot use picture a\.dcm: it is a DICOM file \(to read it: pip install "sgps',
    ):
        read_image_bytes(bytes(128) + b"DICM", "a.dcm", SIZE)


def test_a_classifier_is_the_same_from_dicom_as_from_png(tmp_path) -> None:
    labels, paths, arrays = [], [], []
    for number in range(6):
        gray = noise(40, 40, seed=number)[:, :, 0] // (1 + number % 2)
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(file_of(dataset(gray)))
        paths.append(path)
        arrays.append(gray)
        labels.append("ab"[number % 2])
    first = SynthesizedClassifier().fit(paths, labels).predict_proba(paths)
    assert np.array_equal(first, SynthesizedClassifier().fit(arrays, labels).predict_proba(arrays))
    assert SynthesizedClassifier().fit(paths, labels).predict(paths).tolist() == labels
