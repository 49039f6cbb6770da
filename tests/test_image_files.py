from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from drawing import (
    RED,
    SIZE,
    WHITE,
    encoded,
    noise,
    pixels,
    png_16_bit,
    png_header,
    smooth,
    tiff_16_bit,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFile

from sgps.images import MAX_PIXELS, ImageError, read_image, read_image_bytes


def read(data: bytes, size: int = SIZE) -> np.ndarray:
    return pixels(read_image_bytes(data, "a.png", size))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000"])
def test_every_stated_kind_of_file_is_read(kind: str) -> None:
    image = Image.new("RGB", (20, 20), RED)
    difference = read(encoded(image, kind)).astype(int) - np.array(RED)
    assert np.abs(difference).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    stored = np.zeros((32, 32, 3), dtype=np.uint8)
    stored[:16, :16] = RED  # the corner that the orientation moves
    stored[:16, 16:] = (0, 0, 255)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    found = read(encoded(Image.fromarray(stored), kind, exif=exif), 32).astype(int)
    turned = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored, 1),
    }[orientation]
    for row, column in [(6, 6), (6, 25), (25, 6), (25, 25)]:
        assert np.abs(found[row, column] - turned[row, column]).max() < 12


def test_16_bit_gray_is_scaled_from_its_stored_range() -> None:
    levels = (np.arange(256, dtype=np.uint32) * 257).reshape(16, 16).astype(np.uint16)
    for kind in ("PNG", "TIFF", "PPM", "JPEG2000"):
        options = {"irreversible": False} if kind == "JPEG2000" else {}
        found = read(encoded(Image.fromarray(levels), kind, **options))
        assert np.array_equal(found, np.repeat(levels[:, :, None] // 257, 3, axis=2)), kind


@given(st.integers(4096, 65535))
def test_16_bit_gray_is_rounded_to_the_nearest_level(value: int) -> None:
    image = Image.fromarray(np.full((2, 2), value, dtype=np.uint16))
    assert int(read_image(image, 2)[0, 0, 0]) == round(value / 257)


def test_16_bit_gray_in_which_white_is_zero_is_inverted() -> None:
    values = np.full((4, 4), 257 * 200)
    assert (read(tiff_16_bit(values, 1), 4) == 200).all()
    assert (read(tiff_16_bit(values, 0), 4) == 55).all()


def test_16_bit_gray_that_would_turn_black_is_refused() -> None:
    data = encoded(Image.fromarray(np.full((4, 4), 4095, dtype=np.uint16)), "PNG")
    with pytest.raises(ImageError, match=r"^cannot use picture a\.png: it has 16-bit pixels of at"):
        read(data)
    assert (read(encoded(Image.fromarray(np.zeros((4, 4), np.uint16)), "PNG"), 4) == 0).all()


@pytest.mark.parametrize("kind", ["PNG", "PNG with alpha", "TIFF"])
@pytest.mark.parametrize(("top", "dark"), [(255, True), (4095, True), (4096, False)])
def test_16_bit_color_that_would_turn_black_is_refused(kind: str, top: int, dark: bool) -> None:
    values = np.full((4, 4, 3), top)
    if kind == "TIFF":
        data = tiff_16_bit(values, 2)
    else:
        opaque = np.full((4, 4, 1), 65535)
        data = png_16_bit(np.concatenate([values, opaque], 2) if "alpha" in kind else values)
    if dark:
        with pytest.raises(
            ImageError, match=r"^cannot use picture a\.png: it has 16-bit pixels below 4096 \(str"
        ):
            read(data)
    else:
        assert (read(data, 4) == 16).all()


def test_dark_8_bit_color_is_read() -> None:
    dark = Image.new("RGB", (4, 4), (3, 2, 1))
    assert (read(encoded(dark, "PNG"), 4) == (3, 2, 1)).all()


@pytest.mark.parametrize(("mode", "words"), [("I", "32-bit integer"), ("F", "float")])
def test_pixels_of_no_stated_range_are_refused(mode: str, words: str) -> None:
    data = encoded(Image.new(mode, (4, 4)), "TIFF")
    with pytest.raises(ImageError, match=rf"^cannot use picture a\.png: it has {words} pixels"):
        read(data)


def test_black_and_white_pixels_become_0_and_255() -> None:
    image = Image.fromarray(np.eye(SIZE, dtype=np.uint8) * 255).convert("1")
    assert np.array_equal(read(encoded(image, "PNG"))[:, :, 0], np.eye(SIZE) * 255)


def test_cmyk_pixels_become_rgb() -> None:
    image = Image.new("CMYK", (SIZE, SIZE), (0, 255, 255, 0))
    assert (read(encoded(image, "TIFF")) == RED).all()


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (Image.new("RGBA", (8, 8), (*RED, 0)), {}),
        (Image.new("LA", (8, 8), (0, 0)), {}),
        (Image.new("P", (8, 8), 0), {"transparency": 0}),
        (Image.new("RGB", (8, 8), RED), {"transparency": RED}),
        (Image.new("L", (8, 8), 7), {"transparency": 7}),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_transparent_parts_become_white(image: Image.Image, options: dict[str, object]) -> None:
    assert (read(encoded(image, "PNG", **options)) == WHITE).all()


def test_half_transparent_pixels_are_mixed_with_white_and_opaque_ones_are_kept() -> None:
    array = noise(8, 8, 4)
    array[:, :4, 3] = 255
    array[:, 4:] = (0, 0, 0, 128)
    found = pixels(read_image(array, 8))
    assert np.array_equal(found[:, :4], array[:, :4, :3])
    assert np.abs(found[:, 4:].astype(int) - 127).max() <= 1


def test_pixels_of_an_unusual_color_space_are_refused() -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture given: it has pixels of mode LAB"):
        read_image(Image.new("LAB", (4, 4)), SIZE)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_several_frames_are_refused_and_one_frame_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, (0, 255, 0))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    with pytest.raises(ImageError, match=r"^cannot use picture a\.png: it has several frames"):
        read(data)
    assert (read(encoded(frames[0], kind, save_all=True, **options)) == RED).all()


def test_a_photograph_with_a_companion_frame_is_read() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, (0, 255, 0))]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(data)).format == "MPO"
    assert np.abs(read(data).astype(int) - RED).max() <= 2


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture .*none\.png: it does not exist\."):
        read_image(tmp_path / "none.png", SIZE)
    with pytest.raises(ImageError, match=r"^cannot use picture .*: it is not a file\."):
        read_image(tmp_path, SIZE)
    with pytest.raises(ImageError, match=r"^cannot use picture .*: it does not exist\."):
        read_image("a\0b.png", SIZE)


def test_a_file_that_may_not_be_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"^cannot use picture .*a\.png: it cannot be opened \(Pe"):
        read_image(path, SIZE)


@pytest.mark.parametrize("data", [b"age,sex\n44,f\n", b"<html></html>", b"%!PS-Adobe-3.0 EPSF-3.0"])
def test_a_file_that_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture a\.png: it is not a picture"):
        read(data)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture a\.png: it is empty\."):
        read(b"")


def test_a_dicom_file_is_recognized_by_its_magic_bytes() -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture a\.png: it is a DICOM file of an "):
        read(bytes(128) + b"DICM" + bytes(100))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    data = encoded(smooth(60, 60), kind)
    words = r"(is damaged \(|is not a picture)"
    with pytest.raises(ImageError, match=rf"^cannot use picture a\.png: it {words}"):
        read(data[: int(len(data) * share)])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF"]), st.data())
def test_damaged_bytes_give_a_picture_or_an_image_error(kind: str, draw: st.DataObject) -> None:
    data = bytearray(encoded(smooth(20, 20), kind))
    for _ in range(4):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata
        try:
            outcome = str(read(bytes(data)).shape)
        except ImageError as error:
            outcome = str(error)
    assert outcome == "(16, 16, 3)" or outcome.startswith("cannot use picture a.png: it ")
    assert "\n" not in outcome


@pytest.mark.parametrize("side", [8_100, 12_000, 60_000])
@pytest.mark.parametrize("pillow_limit", [None, 1 << 28])
def test_a_huge_picture_is_refused_by_its_header_whatever_pillow_allows(
    side: int,
    pillow_limit: int | None,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    def fail(self: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillow_limit or Image.MAX_IMAGE_PIXELS)
    before = Image.MAX_IMAGE_PIXELS
    assert side * side > MAX_PIXELS
    with pytest.raises(ImageError, match=r"^cannot use picture a\.png: it has too many pixels"):
        read(png_header(side, side))
    assert before == Image.MAX_IMAGE_PIXELS
    assert not recwarn.list


def test_the_pixel_limit_holds_where_pillow_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ImageError, match=r"too many pixels \(60000 x 60000\) \(at most 64 million"):
        read(png_header(60_000, 60_000))
