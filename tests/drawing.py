"""Pictures and files that the tests of reading draw for themselves."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

SIZE = 16
RED, WHITE = (255, 0, 0), (255, 255, 255)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height: int, width: int) -> Image.Image:
    return Image.fromarray(noise(4, 4)).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pixels(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()


def png_header(width: int, height: int) -> bytes:
    """A PNG that states its size and holds no pixel."""
    return _png(width, height, bits=8, kind=2, data=b"")


def png_16_bit(values: np.ndarray) -> bytes:
    """A PNG of 16-bit colors (H, W, 3), or with an alpha (H, W, 4)."""
    height, width, samples = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return _png(width, height, bits=16, kind={3: 2, 4: 6}[samples], data=zlib.compress(rows))


def _png(width: int, height: int, *, bits: int, kind: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in (b"IHDR" + header, b"IDAT" + data)
    )


def tiff_16_bit(values: np.ndarray, photometric: int) -> bytes:
    """A TIFF of 16-bit gray (H, W), or of colors (H, W, 3)."""
    data = values.astype("<u2").tobytes()
    height, width, samples = (*values.shape, 1)[:3]
    # Several samples have their bits listed elsewhere: after the pixels.
    bits, after = (16, b"") if samples == 1 else (8 + len(data), struct.pack("<4H", *[16] * 4))
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, samples, bits),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 8),
        (277, 3, 1, samples),
        (278, 3, 1, height),
        (279, 4, 1, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(data) + len(after)) + data + after
    return head + struct.pack("<H", len(tags)) + entries + b"\0" * 4


Files = dict[str, bytes]


def png(seed: int = 0) -> bytes:
    return encoded(Image.fromarray(noise(SIZE, SIZE, seed=seed)), "PNG")


def folder(root: Path, files: Files) -> Path:
    root.mkdir(exist_ok=True)
    for name, data in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


def packed(root: Path, files: Files) -> Path:
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


Store = Callable[[Path, Files], Path]
either = pytest.mark.parametrize("store", [folder, packed])

TWO_CLASSES = {"NV/b.png": png(1), "MEL/c.png": png(2), "MEL/a.PNG": png(3)}
