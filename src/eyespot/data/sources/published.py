"""Where the named sets lie on the network, and the hashes that were published for them."""

from eyespot.data.sources.download import Remote

_TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
_TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
_TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
_TEST_LABELS = "t10k-labels-idx1-ubyte.gz"

DIGITS = tuple("0123456789")
_UPPER = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = tuple("abcdefghijklmnopqrstuvwxyz")
# By_Merge joins the letters whose two cases look alike; these small ones remain (Cohen et al. 2017,
# arXiv 1702.05373, and the emnist-*-mapping.txt of the archive).
_MERGED = (*DIGITS, *_UPPER, *"abdefghnqrt")

EMNIST_CLASSES = {
    "emnist-balanced": _MERGED,
    "emnist-byclass": (*DIGITS, *_UPPER, *_LOWER),
    "emnist-bymerge": _MERGED,
    "emnist-digits": DIGITS,
    "emnist-letters": _UPPER,
    "emnist-mnist": DIGITS,
}
FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())


def _mirrored(bases: tuple[str, ...], name: str, size: int, sha256: str) -> Remote:
    return Remote(name, tuple(f"{base}/{name}" for base in bases), size, sha256)


_MNIST_BASES = (
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
)
_FASHION_BASES = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
)

# Sizes and hashes are those of tensorflow/datasets, url_checksums/{mnist,fashion_mnist,emnist,
# cifar10}.txt; MNIST's were also computed from files whose MD5 is the published one.
MNIST_FILES = tuple(
    _mirrored(_MNIST_BASES, *facts)
    for facts in (
        (
            _TRAIN_IMAGES,
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (_TRAIN_LABELS, 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (
            _TEST_IMAGES,
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        (_TEST_LABELS, 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    )
)
FASHION_FILES = tuple(
    _mirrored(_FASHION_BASES, *facts)
    for facts in (
        (
            _TRAIN_IMAGES,
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        (_TRAIN_LABELS, 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (
            _TEST_IMAGES,
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        (_TEST_LABELS, 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )
)
EMNIST_FILE = _mirrored(
    (
        "https://biometrics.nist.gov/cs_links/EMNIST",
        "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST",
    ),
    "gzip.zip",
    561_753_746,
    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
)
CIFAR10_FILE = _mirrored(
    (
        "https://www.cs.toronto.edu/~kriz",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10",
    ),
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
