"""How good predictions are: functions of Predictions alone, in numpy."""

from eyespot.evaluation.examples import examples, mistakes, sample
from eyespot.evaluation.metrics import confusion, judge, wilson

__all__ = ["confusion", "examples", "judge", "mistakes", "sample", "wilson"]
