"""A picture that kills whoever decodes it costs two workers, and is put in quarantine."""

import io
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pyarrow", reason="needs the extra cluster")

from eyespot.cluster import predicting
from eyespot.cluster.attempts import deadly_places, safe_images
from eyespot.cluster.portions import Portion, Stock, _Listed
from eyespot.errors import EyespotError, ImageError


@dataclass(frozen=True)
class Deadly(Sequence[bytes]):
    """The same picture many times; whoever opens one of `bad` is dead."""

    num: int
    bad: tuple[int, ...]
    first: int = 0

    def __len__(self) -> int:
        return self.num

    def __getitem__(self, index):
        if isinstance(index, slice):
            first, last, _ = index.indices(self.num)
            return Deadly(last - first, self.bad, self.first + first)
        if self.first + index in self.bad:
            os.kill(os.getpid(), signal.SIGKILL)
        file = io.BytesIO()
        Image.fromarray(np.full((8, 8), 200, np.uint8)).save(file, "PNG")
        return file.getvalue()


def test_deadly_pictures_are_found_by_a_child_that_dies():
    assert deadly_places(Deadly(6, (1, 4, 5))) == {1, 4, 5}
    assert deadly_places(Deadly(3, ())) == set()
    assert deadly_places([b"no picture", b""]) == set()  # an error, and no death


def test_the_third_attempt_leaves_out_what_kills():
    portion = Portion(7, ("a", "b"), Deadly(2, (1,)))

    opened = safe_images(portion, 3)

    assert opened(0).startswith(b"\x89PNG")
    with pytest.raises(ImageError, match="^kills the process that decodes it$"):
        opened(1)


def test_a_portion_that_kills_without_such_a_picture_ends_it():
    with pytest.raises(EyespotError) as error:
        safe_images(Portion(7, ("a", "b"), Deadly(2, ())), 7)

    assert str(error.value) == (
        "6 workers were lost one after the other at portion 7 (a to b), and no picture of it kills "
        "by itself; look at the memory of the machines, use fewer --workers"
    )


@pytest.mark.cluster
def test_a_deadly_picture_goes_into_quarantine(tmp_path, digits_model, two_nodes, monkeypatch):
    import pyarrow.parquet as pq

    names = tuple(f"{number}.png" for number in range(60))
    made = Stock(60, "deadly", (_Listed(names, Deadly(60, (13,))),), 10)
    monkeypatch.setattr(predicting, "stock", lambda sources, size: made)

    done = predicting.predict_on(two_nodes.address, digits_model, ["in"], str(tmp_path / "out"))

    assert (done.counts.answered, done.counts.quarantined) == (59, 1)
    aside = pq.read_table(tmp_path / "out" / "quarantine-0000001.parquet").to_pylist()
    assert aside == [{"name": "13.png", "reason": "kills the process that decodes it"}]
