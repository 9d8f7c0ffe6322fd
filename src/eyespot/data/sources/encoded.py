"""Images of several sequences as one: each is fetched when it is asked for, none is copied."""

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from eyespot.values.arrays import Array


@dataclass(frozen=True, eq=False)
class Encoded(Sequence[Any]):
    """The images of several pieces, or some of them, in an order. Can be pickled.

    pieces: sequences or arrays of images. chosen: int64 (N,), places in all of them together.
    """

    pieces: tuple[Sequence[Any] | Array, ...]
    chosen: Array

    @classmethod
    def of(cls, pieces: Iterable[Sequence[Any] | Array]) -> "Encoded":
        """All images of the pieces, one piece after the other."""
        pieces = tuple(pieces)
        return cls(pieces, np.arange(sum(map(len, pieces))))

    def __len__(self) -> int:
        return len(self.chosen)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> "Encoded": ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Encoded(self.pieces, self.chosen[index])
        place = int(self.chosen[index])
        piece = bisect.bisect_right(self._ends, place)
        return self.pieces[piece][place - (self._ends[piece - 1] if piece else 0)]

    def at(self, indices: Sequence[int]) -> "Encoded":
        """Those at these places."""
        return Encoded(self.pieces, self.chosen[np.asarray(indices, np.int64)])

    @property
    def _ends(self) -> list[int]:
        ends = self.__dict__.get("ends")
        if ends is None:  # a frozen value keeps what can be found again in its dictionary alone
            ends = self.__dict__["ends"] = list(itertools.accumulate(map(len, self.pieces)))
        return ends
