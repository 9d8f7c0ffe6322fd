import gzip

import numpy as np
import pytest

import eyespot
from eyespot.line.transcribing import Transcript, transcripts
from eyespot.values.dataset import Pictures
from made_pages import KINDS, made_page
from made_pictures import DATA
from page_scores import Score, page_score

MNIST = DATA / "mnist"
needs_mnist = pytest.mark.skipif(not MNIST.exists(), reason="needs ../shared/data/mnist")


def digits():
    """Images, uint8 (10000, 28, 28), and labels of MNIST's test part."""
    images = gzip.decompress((MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((MNIST / "t10k-labels-idx1-ubyte.gz").read_bytes())
    return (
        np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28),
        np.frombuffer(labels, np.uint8, offset=8),
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """One of MNIST by the default recipe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EYESPOT_DATA", str(DATA))
        trained = eyespot.train("mnist", out=tmp_path_factory.mktemp("mnist") / "run")
    return eyespot.load(trained.run.path)


@needs_mnist
@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ("plain", "small", "turned", "uneven lines", "columns", "dates", "phones"),
        ("shadow", "ruled", "squared", "squared, turned", "pencil", "specks, on a table"),
        ("a tenth touching", "sizes mixed", "blue ink", "marker", "chalk"),
    ],
)
def test_pages_of_digits_are_read(model, names):
    total = Score()
    for number, name in enumerate(names):
        page = made_page(*digits(), KINDS[name], seed=9000 + number)
        (read,) = transcripts(model, Pictures(images=[page.pixels], names=(name,)))
        assert isinstance(read, Transcript)
        total += page_score(page, read)

    assert total.found >= 0.985 * total.digits
    assert total.right >= 0.955 * total.digits  # of 400 to 600; benchmarks/pages.py has more
    assert total.extra <= 0.02 * total.digits
    assert total.ordered == total.pages


@needs_mnist
def test_a_made_page_says_where_its_digits_are():
    page = made_page(*digits(), KINDS["plain"], seed=1)

    for truth in page.truths:
        left, top, width, height = truth.box
        part = page.pixels[top : top + height, left : left + width].mean(axis=2)
        assert part.min() < 90 < 200 < part.max()
    assert len(page.text.split()) == len({(one.line, one.word) for one in page.truths})
    assert page.text.replace(" ", "").replace("\n", "") == "".join(one.label for one in page.truths)
