"""How good predictions are: functions of Predictions alone, in numpy."""

from eyespot.evaluation.comparison import Comparison, compare
from eyespot.evaluation.examples import examples, mistakes, sample
from eyespot.evaluation.intervals import wilson
from eyespot.evaluation.metrics import confusion, judge, normalised

__all__ = [
    "Comparison",
    "compare",
    "confusion",
    "examples",
    "judge",
    "mistakes",
    "normalised",
    "sample",
    "wilson",
]
