"""How good predictions are, in numbers with their bounds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number between its 95 % bounds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} (95 % interval {self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """One class in numbers; support is its number of images.

    A ratio of nothing to nothing, such as the recall of a class without images, is 0 between 0 and
    1: nothing is known about it.
    """

    name: str
    precision: Interval
    recall: Interval
    f1: Interval
    support: int


@dataclass(frozen=True, kw_only=True)
class Averages:
    """Precision, recall and F1 of all classes together, each the mean of the classes' own."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class BinaryScore:
    """How well the probability of the positive class puts its images before the others."""

    positive: str
    roc_auc: Interval
    average_precision: Interval


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """The images whose top probability lies in low..high: how sure the model was, and how right.

    confidence: their mean top probability; of a bin without images its middle, and accuracy None.
    """

    low: float
    high: float
    num: int
    confidence: float
    accuracy: Interval | None


@dataclass(frozen=True, kw_only=True)
class RefusalScore:
    """How many of the images the model calls unknown, and how right it is about the others.

    accuracy_of_accepted: None if all are refused.
    """

    num: int
    share: Interval
    accuracy_of_accepted: Interval | None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How good predictions are. confusion: (truth, predicted, count) where the count is not 0.

    Only those cells are kept, because 10,000 classes have 100 million. balanced_accuracy: the mean
    recall of the classes that have images. top_k: the share of images whose truth is among the k
    likeliest classes, for k = 2, 3 and 5 below the number of classes. macro: the plain mean over
    the classes that occur as truth or answer; weighted: by their number of images. log_loss: in
    nats, lower is better. calibration_error: between 0 and 1, lower is better. binary: None unless
    there are two classes, both with images; the second is the positive one. refusal: None where
    the model cannot refuse.
    """

    num: int
    accuracy: Interval
    balanced_accuracy: Interval
    top_k: tuple[tuple[int, Interval], ...]
    macro: Averages
    weighted: Averages
    macro_f1: Interval
    log_loss: Interval
    calibration_error: Interval
    reliability: tuple[Reliability, ...]
    binary: BinaryScore | None
    refusal: RefusalScore | None
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, int, int], ...]
