"""The version of the package, in one place."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("sgps")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"
