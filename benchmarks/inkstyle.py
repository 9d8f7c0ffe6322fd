"""Gives a run that was trained before models knew a style of ink its style, without training.

    python benchmarks/inkstyle.py RUN SOURCE OUT

SOURCE: the data that RUN was trained on. OUT: a new folder, RUN's with the style in the model file.
"""

import argparse
import shutil
from pathlib import Path

from eyespot.data.keeping import named_split
from eyespot.files.run import Run
from eyespot.line.inking import style_of
from eyespot.line.planning import loaded_images, read_source
from eyespot.line.progress import Silence
from eyespot.models.torch_model import TorchModel, load_torch_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("source")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    model = load_torch_model(Run(given.run).model)
    plain = model.preparation.model_copy(update={"ink": None})
    loaded = loaded_images(read_source(given.source, None, None, Silence()), plain, Silence())
    parts = named_split(Run(given.run).split, loaded)
    style = style_of(loaded, parts.indices("train"))
    shutil.copytree(given.run, given.out, dirs_exist_ok=True)
    card = model.card.model_copy(update={"preparation": plain.model_copy(update={"ink": style})})
    TorchModel(card, model.net, model.refusals, model.scores).save(Run(given.out).model)
    print(style.model_dump_json(indent=1) if style else "it shows no characters in one way")


if __name__ == "__main__":
    main()
