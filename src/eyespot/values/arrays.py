"""The type of every array; the docstrings give shapes and number types."""

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
