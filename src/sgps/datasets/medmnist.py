"""Read a MedMNIST file: one `.npz` with the pictures and labels of three splits.

In: such a file, in any of its sizes (28 to 224 px). Out: `LabelledImage`s of all splits, each with the split it comes from.
The file's name tells which set it is, and so the names of its classes; in a set that is not known here they are numbered.

The arrays are compressed and may be larger than the memory, so a picture is read out of the stream when it is asked for.
Reading in the order of the file passes over it once; every step back begins anew, and is slow in a large file.
"""

from __future__ import annotations

import os
import re
import threading
import zipfile
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.images import ImageError, read_image
from sgps.labelled import LabelledImage

SPLITS = ("train", "val", "test")

_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right"),
    *("liver", "lung-left", "lung-right", "pancreas", "spleen"),
)
# As the project MedMNIST publishes them, in the order of the labels, but without commas, which separate names on the
# command line.
CLASS_NAMES: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle"),
        *("normal colon mucosa", "cancer-associated stroma"),
        "colorectal adenocarcinoma epithelium",
    ),
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma",
        *("basal cell carcinoma", "benign keratosis-like lesions", "dermatofibroma"),
        *("melanoma", "melanocytic nevi", "vascular lesions"),
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "retinamnist": ("0", "1", "2", "3", "4"),
    "breastmnist": ("malignant", "normal or benign"),
    "bloodmnist": (
        *("basophil", "eosinophil", "erythroblast", "immature granulocytes"),
        *("lymphocyte", "monocyte", "neutrophil", "platelet"),
    ),
    "tissuemnist": (
        *("collecting duct or connecting tubule", "distal convoluted tubule"),
        *("glomerular endothelial cells", "interstitial endothelial cells", "leukocytes"),
        *("podocytes", "proximal tubule segments", "thick ascending limb"),
    ),
    "organamnist": _ORGANS,
    "organcmnist": _ORGANS,
    "organsmnist": _ORGANS,
}
"""Set to the names of its classes."""


def read_medmnist(path: Path) -> list[LabelledImage]:
    """List the pictures of all splits of a MedMNIST file.

    Raises:
        InputError: the file is no such one, holds volumes, or its pictures have several labels.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"'{path}' is not a readable .npz ({error}). Download it anew.") from error
    splits = [split for split in SPLITS if f"{split}_images" in names]
    lacking = [f"{split}_labels" for split in splits if f"{split}_labels" not in names]
    if not splits or lacking:
        wanted = listing(lacking) if splits else "train_images, val_images or test_images"
        raise InputError(
            f"'{path}' lacks {wanted} (found {listing(sorted(names)) or 'nothing'}). Give a MedMNIST file."
        )
    try:
        stacks = {split: _Stack(path, f"{split}_images") for split in splits}
        labels = {split: _labels(path, split, len(stacks[split])) for split in splits}
    except InputError:
        raise
    except Exception as error:  # damaged members raise zlib.error, ValueError, KeyError ...
        reason = " ".join(str(error).split())
        raise InputError(f"'{path}' cannot be read ({reason}). Download it anew.") from error
    class_names = _class_names(path, max(int(values.max(initial=0)) for values in labels.values()))
    images: list[LabelledImage] = []
    for split, stack in stacks.items():
        width = len(str(len(stack) - 1))
        for index, label in enumerate(labels[split].tolist()):
            name = f"{split}/{index:0{width}}"
            read = partial(stack.read, index, name)
            images.append(LabelledImage(name, class_names[label], name, read, split))
    if not images:
        raise InputError(f"'{path}' holds no picture. Download it anew.")
    return images


def _labels(path: Path, split: str, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    with np.load(path, allow_pickle=False) as arrays:
        labels: np.ndarray[Any, Any] = arrays[f"{split}_labels"]
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise InputError(
            f"'{path}' has {labels.shape[1]} labels a picture, and a classifier here tells one class from others. "
            "Choose a MedMNIST set with one label a picture."
        )
    labels = labels.reshape(-1) if labels.ndim == 2 else labels
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.astype(np.int64) < 0).any():
        raise InputError(
            f"{split}_labels of '{path}' are not one whole number a picture. Give a MedMNIST file."
        )
    if len(labels) != count:
        raise InputError(
            f"'{path}' has {count} {split}_images but {len(labels)} {split}_labels. Download it anew."
        )
    whole: np.ndarray[Any, np.dtype[np.int64]] = labels.astype(np.int64)
    return whole


def _class_names(path: Path, highest: int) -> tuple[str, ...]:
    stem = re.sub(r"_(28|64|128|224)$", "", path.stem.lower())
    known = CLASS_NAMES.get(stem)
    if known is None:
        width = len(str(highest))  # so that the order of the names is that of the numbers
        return tuple(f"class {index:0{width}}" for index in range(highest + 1))
    if highest >= len(known):
        raise InputError(
            f"'{path}' has a label {highest}, but {stem} has {len(known)} classes. Rename the file if it is another set."
        )
    return known


class _Stack:
    """The pictures of one split, read out of the compressed array.

    One stream, opened by the first read, serves all reads of a process, from any thread. It is neither pickled nor
    inherited by a fork, where it would share its position in the file with the parent's.
    """

    def __init__(self, path: Path, array: str) -> None:
        self.path, self.array = path, array
        self._forget()
        with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as stream:
            shape, fortran, dtype = _header(stream)
            self.start = stream.tell()
        self.shape = shape
        self._check(dtype, fortran)

    def _check(self, dtype: np.dtype[Any], fortran: bool) -> None:
        title = f"{self.array} of '{self.path}'"
        size = " x ".join(map(str, self.shape))
        if len(self.shape) == 4 and self.shape[3] not in (1, 3):
            raise InputError(f"{title} are volumes ({size}). Choose a set of plane pictures.")
        if dtype != np.uint8 or len(self.shape) not in (3, 4) or fortran or 0 in self.shape[1:]:
            raise InputError(
                f"{title} are {dtype} {size}, not uint8 n x height x width (x 3). Give a MedMNIST file."
            )

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict[str, Any]:
        """All but the stream."""
        return {name: self.__dict__[name] for name in ("path", "array", "start", "shape")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._opened: tuple[int, zipfile.ZipFile, IO[bytes]] | None = None

    def read(self, index: int, name: str, image_size: int | None) -> Tensor:
        """Read picture `index`, of which `name` stands in messages.

        Raises:
            ImageError: the file is damaged there, or has vanished.
        """
        size = int(np.prod(self.shape[1:]))
        try:
            with self._lock:
                if self._opened is None or self._opened[0] != os.getpid():
                    archive = zipfile.ZipFile(self.path)
                    self._opened = os.getpid(), archive, archive.open(f"{self.array}.npy")
                stream = self._opened[2]
                stream.seek(self.start + index * size)
                data = stream.read(size)
        except Exception as error:  # OSError, BadZipFile, zlib.error, EOFError ...
            raise ImageError(name, f"cannot be unpacked ({error})") from error
        if len(data) != size:
            raise ImageError(name, "cannot be unpacked (the array ends before it)")
        array = np.frombuffer(data, dtype=np.uint8).reshape(self.shape[1:])
        return read_image(array, image_size)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type of the array that begins here."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)
