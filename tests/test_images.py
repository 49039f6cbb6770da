from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from drawing import RED, SIZE, encoded, noise, pixels, smooth
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from sgps.errors import InputError
from sgps.images import ImageError, read_image, read_image_bytes, read_images


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([0, 1, 3, 4]), st.integers(1, 40))
def test_any_uint8_array_becomes_a_square_rgb_tensor(
    height: int, width: int, channels: int, size: int
) -> None:
    tensor = read_image(noise(height, width, channels), size)
    assert tensor.shape == (3, size, size)
    assert tensor.dtype == torch.uint8
    assert tensor.is_contiguous()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60))
def test_without_a_size_a_picture_comes_whole(height: int, width: int) -> None:
    array = noise(height, width)
    assert np.array_equal(pixels(read_image(array, None)), array)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(0, 1000))
def test_a_square_picture_of_the_asked_size_keeps_its_pixels(size: int, seed: int) -> None:
    array = noise(size, size, seed=seed)
    assert np.array_equal(pixels(read_image(array, size)), array)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 90), st.integers(2, 90), st.integers(1, 60))
def test_the_pixels_are_those_of_a_resize_and_a_center_crop(
    height: int, width: int, size: int
) -> None:
    short, long = sorted((height, width))
    height = height if long <= 8 * short else width
    image = Image.fromarray(noise(height, width))
    short = min(height, width)
    wide, high = int(size * width / short), int(size * height / short)
    left, top = round((wide - size) / 2), round((high - size) / 2)
    expected = image.resize((wide, high), Image.Resampling.BICUBIC)
    expected = expected.crop((left, top, left + size, top + size))
    assert np.array_equal(pixels(read_image(image, size)), np.asarray(expected))


@pytest.mark.parametrize("shape", [(1, 500_000), (500_000, 1)])
def test_a_strip_of_one_pixel_is_cropped_before_it_is_enlarged(shape: tuple[int, int]) -> None:
    array = np.zeros((*shape, 3), dtype=np.uint8)
    middle = max(shape) // 2
    array.reshape(-1, 3)[middle - 100 : middle + 100] = RED
    assert (pixels(read_image(array, 32)) == RED).all()


def test_a_path_a_pil_image_an_array_and_bytes_of_one_picture_give_the_same_pixels(
    tmp_path: Path,
) -> None:
    image = smooth(40, 30)
    path = tmp_path / "a.png"
    image.save(path)
    expected = read_image(np.asarray(image), SIZE)
    assert torch.equal(read_image(path, SIZE), expected)
    assert torch.equal(read_image(str(path), SIZE), expected)
    assert torch.equal(read_image(image, SIZE), expected)
    assert torch.equal(read_image_bytes(path.read_bytes(), "a.png", SIZE), expected)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_lossy_file_gives_exactly_what_its_decoded_array_gives(kind: str) -> None:
    data = encoded(smooth(400, 500), kind)
    array = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(
        pixels(read_image_bytes(data, "a", SIZE)), pixels(read_image(array, SIZE))
    )


def test_a_float_array_is_refused_with_the_type_expected() -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture given: it is an array of float32"):
        read_image(np.zeros((8, 8, 3), dtype=np.float32), SIZE)


@pytest.mark.parametrize("shape", [(3, 8, 8), (8,), (1, 8, 8, 3), (0, 8, 3)])
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture given: it is an array of shape"):
        read_image(np.zeros(shape, dtype=np.uint8), SIZE)


def test_another_type_is_refused() -> None:
    with pytest.raises(ImageError, match=r"^cannot use picture given: it is of type Tensor"):
        read_image(torch.zeros(3, 8, 8), SIZE)  # type: ignore[arg-type]


def test_the_users_pil_image_is_left_as_it_was() -> None:
    image = smooth(10, 20)
    image.getexif()[ExifTags.Base.Orientation] = 6
    before = image.tobytes(), image.size, image.mode
    read_image(image, SIZE)
    assert (image.tobytes(), image.size, image.mode) == before
    assert image.getexif()[ExifTags.Base.Orientation] == 6


def test_pictures_are_stacked_in_order_and_each_is_announced(tmp_path: Path) -> None:
    arrays = [noise(SIZE, SIZE, seed=seed) for seed in range(3)]
    Image.fromarray(arrays[1]).save(tmp_path / "b.png")
    done: list[None] = []
    sources = [arrays[0], tmp_path / "b.png", Image.fromarray(arrays[2])]
    tensor = read_images(sources, SIZE, lambda: done.append(None))
    assert np.array_equal(tensor.permute(0, 2, 3, 1).numpy(), np.stack(arrays))
    assert len(done) == 3


def test_no_picture_gives_an_empty_tensor() -> None:
    assert read_images([], SIZE).shape == (0, 3, SIZE, SIZE)


def test_all_unusable_pictures_are_listed_in_one_line_with_their_reasons(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("not a picture")
    done: list[None] = []
    sources = [noise(8, 8), empty, text, np.zeros((8, 8))]
    with pytest.raises(InputError) as caught:
        read_images(sources, SIZE, lambda: done.append(None))
    message = str(caught.value)
    assert message.startswith(f"3 of 4 pictures cannot be used: {empty} is empty, {text} is not a")
    assert "number 4 is an array of float64" in message
    assert message.endswith("Repair, convert or remove them.")
    assert "\n" not in message
    assert len(done) == 4


def test_an_image_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ImageError("a.png", "is empty")))
    assert (error.name, error.reason, str(error)) == (
        "a.png",
        "is empty",
        "cannot use picture a.png: it is empty. Repair, convert or remove it.",
    )
