"""How good predictions are: functions of Predictions alone, in numpy."""

from eyespot.evaluation.comparison import Comparison, compare
from eyespot.evaluation.examples import examples, mistakes, sample
from eyespot.evaluation.metrics import confusion, judge, wilson

__all__ = [
    "Comparison",
    "compare",
    "confusion",
    "examples",
    "judge",
    "mistakes",
    "sample",
    "wilson",
]
