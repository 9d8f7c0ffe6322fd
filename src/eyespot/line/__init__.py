"""The whole line: read, look, load, split, train, judge, save."""

from eyespot.line.judging import Judged as Judged
from eyespot.line.judging import evaluate as evaluate
from eyespot.line.planning import Plan as Plan
from eyespot.line.planning import plan as plan
from eyespot.line.progress import Progress as Progress
from eyespot.line.progress import Silence as Silence
from eyespot.line.trained import Trained as Trained
from eyespot.line.training import train as train
