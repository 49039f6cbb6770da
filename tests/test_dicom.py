"""DICOM: what a file is shown as, and what is refused; files of pydicom's own are read, too."""

from __future__ import annotations

import io
import logging
import struct
import sys
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import pytest
from drawing import SIZE, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from sgps import SynthesizedClassifier
from sgps.dicom.header import DicomError
from sgps.dicom.reading import read_dicom
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
        if value is None:
            found.pop(name, None)
        else:
            setattr(found, name, value)
    if "HighBit" not in found:
        found.HighBit = found.BitsStored - 1
    if "PixelData" not in elements:
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


def table_of(descriptor, data):
    """A sequence of one table; its data as bytes or as numbers."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "OW" if isinstance(data, bytes) else "US", data)
    return Sequence([item])


def test_a_table_of_interest_is_followed_before_any_window() -> None:
    stored = np.array([[0, 10, 11, 12, 13, 200]], dtype=np.uint8)
    table = table_of([4, 10, 10], [0, 1023, 511, 1023])
    expected = [[0, 0, 255, 127, 255, 255]]
    assert read(stored, VOILUTSequence=table).tolist() == expected
    assert read(stored, VOILUTSequence=table, WindowCenter=9, WindowWidth=2).tolist() == expected
    # As 16 bits in bytes, of 4,096 entries of 8 bits, and with the 65,536 that are written as 0.
    packed = table_of([4, 10, 10], np.array([0, 1023, 511, 1023], dtype="<u2").tobytes())
    assert read(stored, VOILUTSequence=packed).tolist() == expected
    eight = table_of([4096, 0, 8], (np.arange(4096) // 16).astype(np.uint8).tobytes())
    assert np.array_equal(read(LEVELS, BitsStored=12, VOILUTSequence=eight), LEVELS // 16)
    whole = table_of([0, 0, 16], np.arange(65536, dtype="<u2").tobytes())
    assert read(np.array([[0, 65535]], dtype=np.uint16), VOILUTSequence=whole).tolist() == [
        [0, 255]
    ]


def test_a_table_begins_below_zero_where_the_unit_does() -> None:
    elements = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    for first in (64512, -1024):  # the same 16 bits
        table = table_of([4096, first % 65536, 12], np.arange(4096, dtype="<u2").tobytes())
        found = read(LEVELS, BitsStored=12, VOILUTSequence=table, **elements)
        assert np.abs(found - LEVELS * (255 / 4095)).max() <= 0.5 + 1e-9


def test_a_table_may_lead_to_the_unit() -> None:
    stored = np.array([[0, 1, 2, 3, 4]], dtype=np.uint8)
    table = table_of([4, 0, 16], [100, 50, 200, 150])
    found = read(stored, ModalityLUTSequence=table, WindowCenter=125.5, WindowWidth=101)
    assert found.tolist() == [[64, 0, 255, 191, 191]]
    # A table that states nothing is none.
    assert read(stored, VOILUTSequence=Sequence([Dataset()])).tolist() == stored.tolist()


def test_a_tables_bytes_are_in_the_files_order() -> None:
    found = dataset(np.array([[0, 1]], dtype=np.uint8))
    found.VOILUTSequence = table_of([2, 0, 16], np.array([256, 65535], dtype=">u2").tobytes())
    found.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    assert read_dicom(io.BytesIO(file_of(found)), 9).tolist() == [[1, 255]]


@pytest.mark.parametrize(
    ("descriptor", "data"),
    [
        ([4096, 0, 16], np.arange(4096, dtype="<u2").tobytes()),  # 12 bits said to be 16
        ([4096, 0, 12], (np.arange(4096, dtype="<u2") * 16).tobytes()),  # and the other way
        ([4096, 0, 12], np.arange(4000, dtype="<u2").tobytes()),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(descriptor, data) -> None:
    table = table_of(descriptor, data)
    message = "is a DICOM file whose table has no meaning ("
    assert refusal(LEVELS, BitsStored=12, VOILUTSequence=table).startswith(message)


def test_white_may_be_zero() -> None:
    elements = {"BitsStored": 12, "WindowCenter": 1000, "WindowWidth": 401}
    inverted = read(LEVELS, PhotometricInterpretation="MONOCHROME1", **elements)
    assert np.abs(inverted.astype(int) + read(LEVELS, **elements) - 255).max() <= 1
    assert inverted.flat[0] == 255


@pytest.mark.parametrize("center", [None, "", "  "])
def test_without_a_window_up_to_8_bits_are_shown_as_they_are(center) -> None:
    elements = {} if center is None else {"WindowCenter": center, "WindowWidth": center}
    stored = np.array([[0, 128, 255]], dtype=np.uint8)
    assert read(stored, **elements).tolist() == [[0, 128, 255]]
    assert read(stored // 4, BitsStored=6, **elements).tolist() == [[0, 130, 255]]
    same = {"RescaleSlope": 1, "RescaleIntercept": 0}
    assert read(stored, **same, **elements).tolist() == [[0, 128, 255]]
    message = (
        "is a DICOM file that states no window (export it as PNG with the window you read it in)"
    )
    assert refusal(stored.astype(np.int8), **elements) == message
    assert refusal(LEVELS, BitsStored=12, **elements) == message
    assert refusal(LEVELS, BitsStored=12, WindowCenter=9, WindowWidth="") == message
    assert refusal(stored, RescaleSlope=1, RescaleIntercept=-1024, **elements) == message
    unit = table_of([2, 0, 16], [3, 4])
    assert refusal(stored, ModalityLUTSequence=unit, **elements) == message


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


@pytest.mark.parametrize(
    ("bits", "entries"),
    [
        (8, np.arange(200, dtype=np.uint8)),
        (8, np.append(np.arange(201, dtype=np.uint8), 0).astype(np.uint8)),  # padded
        (8, np.arange(200, dtype="<u2")),
        (16, np.arange(200, dtype="<u2") * 257),
    ],
    ids=["8", "8 padded", "8 in 16", "16"],
)
def test_a_palette_is_read_however_it_is_packed(bits, entries) -> None:
    count = 201 if len(entries) == 202 else 200
    elements = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [count, 10, bits]
        elements[f"{name}PaletteColorLookupTableData"] = entries.tobytes()
    found = read(np.array([[0, 10, 11, 109, 255]], dtype=np.uint8), **elements)
    assert found[0, :, 0].tolist() == [0, 0, 1, 99, count - 1]
    assert (found == found[..., :1]).all()
    dark = elements | {
        f"{name}PaletteColorLookupTableDescriptor": [count, 10, 16]
        for name in ("Red", "Green", "Blue")
    }
    if bits == 8 and len(entries.tobytes()) == 400:
        message = "is a DICOM file of an unknown kind of palette (export it as PNG)"
        assert refusal(np.array([[0, 10]], dtype=np.uint8), **dark) == message


def test_compressed_pixels_are_the_same() -> None:
    packed = dataset(LEVELS, BitsStored=12, WindowCenter=1000, WindowWidth=401)
    expected = read_dicom(io.BytesIO(file_of(packed)), 1_000_000)
    packed.compress(RLELossless)
    assert np.array_equal(read_dicom(io.BytesIO(file_of(packed)), 1_000_000), expected)
    # Losslessly packed by others: JPEG 2000, JPEG-LS, and as big as the machine has it.
    plain = read_image(EXAMPLES / "MR_small.dcm", None)
    for kind in ("jp2klossless", "jpeg_ls_lossless", "RLE", "bigendian", "implicit"):
        assert read_image(EXAMPLES / f"MR_small_{kind}.dcm", None).equal(plain), kind


CONTRADICTS = "is a DICOM file whose header contradicts itself ("


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"NumberOfFrames": 2}, "is a DICOM file of several frames ("),
        ({"BitsAllocated": 32, "BitsStored": 32}, "has pixels of neither 8 nor 16 bits ("),
        ({"PresentationIntentType": "FOR PROCESSING"}, "is a DICOM file of raw data ("),
        ({"PixelSpacing": [1, 2]}, "has pixels that are not square ("),
        ({"ImagerPixelSpacing": [1, 1.02]}, "has pixels that are not square ("),
        ({"PixelAspectRatio": [3, 4]}, "has pixels that are not square ("),
        ({"HighBit": 15, "BitsStored": 12}, CONTRADICTS),
        ({"RescaleIntercept": -1024}, CONTRADICTS),
        ({"PresentationLUTShape": "INVERSE"}, CONTRADICTS),
        ({"PixelPresentation": "COLOR"}, CONTRADICTS),
        (
            {"PerFrameFunctionalGroupsSequence": Sequence([Dataset()])},
            "is a DICOM file that states its window by frame (",
        ),
        (
            {"SharedFunctionalGroupsSequence": Sequence([Dataset()])},
            "is a DICOM file that states its window by frame (",
        ),
        ({"Rows": 2000, "Columns": 2000}, "has too many pixels (at most 1 million: shrink it)"),
        ({"PhotometricInterpretation": "HSV"}, "is a DICOM file of an unknown kind of color ("),
        ({"SamplesPerPixel": 3}, "is a DICOM file of an unknown kind of color ("),
        ({"Rows": 65}, "is damaged, or compressed in a way that is not read (DICOM, ValueError)"),
        (
            {"PhotometricInterpretation": "YBR_ICT", "SamplesPerPixel": 3},
            "is a DICOM file of an unkn",
        ),
        ({"WindowCenter": 9, "WindowWidth": 0.5}, "is a DICOM file whose window has no meaning ("),
        (
            {"WindowCenter": 9, "WindowWidth": 9, "VOILUTFunction": "SQUARE"},
            "is a DICOM file whose window has an unknown function (",
        ),
        ({"PhotometricInterpretation": None}, "is a DICOM file of an unknown kind of color ("),
        ({"PixelRepresentation": None}, "is damaged, or compressed in a way that is not read ("),
        ({"PixelData": None}, "is a DICOM file without a picture"),
    ],
    ids=str,
)
def test_what_cannot_be_shown_faithfully_is_refused(elements, message) -> None:
    assert refusal(LEVELS, **elements).startswith(message)


def test_color_of_16_bits_is_refused() -> None:
    deep = noise(16, 16).astype(np.uint16)
    assert refusal(deep) == "has color of other than 8 bits (export it as PNG of 8)"


def test_frames_that_the_header_does_not_state_are_refused() -> None:
    for values in (np.zeros((6, 4), np.uint8), noise(6, 6)):
        twice = dataset(values)
        twice.PixelData *= 2
        with pytest.raises(ImageError, match=r"it is a DICOM file of several frames \("):
            read_image_bytes(file_of(twice), "a.dcm", SIZE)


@pytest.mark.parametrize("before", [0, 70_000])
def test_a_file_that_is_deflated_as_a_whole_is_refused_before_it_is_unpacked(before) -> None:
    found = dataset(np.zeros((4, 4), np.uint8))
    found.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = file_of(found)
    # An element in front of the syntax, which states it late.
    late = (
        data[:144] + b"\x02\0\x01\0OB\0\0" + struct.pack("<I", before) + bytes(before) + data[144:]
    )
    for written in (data, late):
        with pytest.raises(ImageError, match="it is a DICOM file deflated as a whole"):
            read_image_bytes(written, "a.dcm", SIZE)
    # That a file only mentions the syntax says nothing of it.
    told = dataset(np.zeros((4, 4), np.uint8))
    told.add_new(0x00083002, "UI", DeflatedExplicitVRLittleEndian)
    assert read_image_bytes(file_of(told), "a.dcm", SIZE).max() == 0


def test_pixels_that_are_nearly_square_are_taken_as_such() -> None:
    stored = np.array([[0, 255]], dtype=np.uint8)
    assert read(stored, PixelSpacing=[0.7, 0.7004]).tolist() == [[0, 255]]


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
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("693_J2KI", 0, 255),
        ("J2K_pixelrep_mismatch", 0, 255),
        ("JPEGLSNearLossless_08", 0, 255),
        ("MR_small", 52, 255),
        ("examples_overlay", 0, 255),
        ("examples_jpeg2k", 0, 255),
        ("SC_rgb_jpeg_gdcm", 0, 255),
        ("SC_rgb_jpeg_app14_dcmd", 165, 255),
    ],
)
def test_these_of_them_are_pictures(name, least, most) -> None:
    found = read_image(EXAMPLES / f"{name}.dcm", None)
    assert (int(found.min()), int(found.max())) == (least, most)


def test_the_same_picture_in_seven_codings_is_the_same() -> None:
    plain = read_image(EXAMPLES / "SC_rgb_dcmtk_+eb+cr.dcm", None).int()
    # Red, green and blue stripes and lighter ones: any wrong coding of color is far off.
    for name in ("+eb+cy+n1", "+eb+cy+n2", "+eb+cy+np", "+eb+cy+s2", "+eb+cy+s4"):
        found = read_image(EXAMPLES / f"SC_rgb_dcmtk_{name}.dcm", None).int()
        # Where stripes meet, half of them have one color for two pixels.
        assert (found - plain).abs().float().mean() <= 3, name
    for name in ("SC_rgb_rle", "SC_rgb_jpeg_gdcm"):
        assert (read_image(EXAMPLES / f"{name}.dcm", None).int() - plain).abs().max() <= 2, name


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_bytes_give_a_picture_or_an_image_error(draw) -> None:
    stored = dataset(np.arange(64, dtype=np.uint8).reshape(8, 8), WindowCenter=30, WindowWidth=50)
    data = bytearray(file_of(stored))
    for _ in range(4):
        data[draw.draw(st.integers(132, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        outcome = str(read_image_bytes(bytes(data), "a.dcm", SIZE).shape)
    except ImageError as error:
        outcome = str(error)
    assert outcome.startswith(("torch.Size([3, 16, 16])", "cannot use picture a.dcm: it "))


@pytest.mark.parametrize("kind", ["IS", "DS", "CS", "US", "SQ", "LO"])
@pytest.mark.parametrize(
    "name",
    [
        *("NumberOfFrames", "Rows", "BitsStored", "PhotometricInterpretation", "PixelSpacing"),
        *("RescaleSlope", "WindowCenter", "VOILUTFunction", "VOILUTSequence", "PixelData"),
    ],
)
def test_a_name_where_a_number_belongs_is_repeated_nowhere(name, kind, capfd, caplog) -> None:
    stored = dataset(LEVELS, BitsStored=12, WindowCenter=900, WindowWidth=300)
    text = (NAME + " ").encode()
    long = b"\0\0" + struct.pack("<I", len(text)) if kind == "SQ" else struct.pack("<H", len(text))
    wrong = struct.pack("<HH", *divmod(tag_for_keyword(name), 65536)) + kind.encode() + long + text
    if name in stored:
        delattr(stored, name)
    data = file_of(stored)
    # At its place in the order of elements, as if it had been written so.
    marker = struct.pack("<HH", *divmod(tag_for_keyword("PixelData"), 65536))
    place = data.index(marker) if marker in data else len(data)
    written = data[:place] + wrong + data[place:]
    with warnings.catch_warnings(record=True) as heard, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        try:
            told = str(read_image_bytes(written, "a.dcm", SIZE).shape)
        except ImageError as error:
            told = "".join(traceback.format_exception(error))
    everything = [told, *capfd.readouterr(), caplog.text, *(str(one.message) for one in heard)]
    assert not [text for text in everything if "Secret" in text]


def test_nothing_is_heard_from_several_threads(recwarn) -> None:
    odd = file_of(dataset(LEVELS, BitsStored=12, WindowCenter=9, WindowWidth=9))
    odd = odd.replace(b"MONOCHROME2 ", b"Secret^P^son")
    with ThreadPoolExecutor(4) as pool:
        told = set(pool.map(lambda _: _outcome(odd), range(24)))
    (one,) = told
    assert one.startswith(
        "cannot use picture a.dcm: it is a DICOM file of an unknown kind of color ("
    )
    assert not list(recwarn)


def _outcome(data):
    try:
        return str(read_image_bytes(data, "a.dcm", SIZE).shape)
    except ImageError as error:
        return str(error)


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
