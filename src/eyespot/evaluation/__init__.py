"""How good predictions are: functions of Predictions alone, in numpy."""

from eyespot.evaluation.examples import examples, mistakes, sample
from eyespot.evaluation.metrics import evaluate, wilson

__all__ = ["evaluate", "examples", "mistakes", "sample", "wilson"]
