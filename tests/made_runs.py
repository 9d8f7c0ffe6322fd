"""Run folders made up by hand, names that are attacks, and what a browser would see of a page."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from eyespot.evaluation import examples, mistakes, sample
from eyespot.files.atomic import write_json, write_text
from eyespot.files.run import Run, write_predictions
from eyespot.files.tables import write_table
from eyespot.values.dataset import PARTS
from eyespot.values.predictions import Predictions
from eyespot.values.training import Epoch

HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    "two\nlines\tand \x1b[31mred",
    "bytes \udcff\udc80 of another encoding",
    "lone \ud800 surrogate",
    "$\\frac{1$ {{ 7 * 7 }} {% raw %}",
    "\u202egnp.tac",
    "kitten 小猫 🐈",
    '" onload="alert(1)',
    "long " * 2000,
)


def answers(
    classes: Sequence[str],
    num: int,
    *,
    seed: int,
    certainty: float = 7.0,
    name: str = "{:05d}.png",
    refusing: bool = False,
) -> Predictions:
    """What a decent model might say: mostly right, at times sure and wrong."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(num) % len(classes))
    logits = random.normal(size=(num, len(classes))) * 1.6
    logits[np.arange(num), labels] += certainty
    probs = np.exp(logits)
    return Predictions(
        names=tuple(name.format(index) for index in range(num)),
        classes=tuple(classes),
        labels=labels.astype(np.int64),
        probs=(probs / probs.sum(axis=1, keepdims=True)).astype(np.float32),
        refusal=random.gamma(2.0, 0.2, num).astype(np.float32) if refusing else None,
    )


def fake_run(
    folder: Path,
    *,
    classes: Sequence[str] = tuple("0123456789"),
    num: int = 360,
    epochs: int = 20,
    certainty: float = 7.0,
    left_out: Sequence[tuple[str, str, str]] = (),
    found: Sequence[tuple[str, str, str]] = (),
    name: str = "digits",
    file_name: str = "{:05d}.png",
    seed: int = 1,
    earlier: bool = False,
) -> Run:
    """A finished run folder without a model, as the line would leave it; or an earlier version,
    without refusals and heat maps."""
    folder.mkdir(parents=True)
    run = Run(folder)
    test = answers(
        classes, num, seed=seed, certainty=certainty, name=file_name, refusing=not earlier
    )
    valid = answers(classes, max(num // 2, 1), seed=2, certainty=certainty, name="valid/{:05d}.png")
    digits = load_digits()
    pool = [
        (digits.images[digits.target == k % 10][:, :, :, None] * 15.9).astype(np.uint8)
        for k in range(10)
    ]
    label_of = dict(zip(test.names, test.labels.tolist(), strict=True))
    pictures = {
        one: pool[label_of[one] % 10][index % 100] for index, one in enumerate(examples(test))
    }
    heated = [test.names[row] for row in (*sample(test), *mistakes(test)[:24])]
    heat = np.add.outer(np.arange(8), np.arange(8)).astype(np.uint8) * 18
    write_predictions(run, valid, test, pictures, {} if earlier else dict.fromkeys(heated, heat))
    write_text(run.recipe, 'name = "quick"\nnet = "small"\nepochs = 20\nrate = 0.003\nseed = 0\n')
    progress = [1 - np.exp(-epoch / 4) for epoch in range(1, epochs + 1)]
    history = [
        Epoch(
            epoch=index + 1,
            train_loss=2.3 * (1 - done) + 0.02,
            train_accuracy=0.12 + 0.87 * done,
            valid_loss=2.1 * (1 - done) + 0.07 + 0.002 * index,
            valid_accuracy=0.2 + 0.78 * done - 0.0005 * index,
            rate=0.003 * (1 - index / epochs),
            seconds=0.25,
        )
        for index, done in enumerate(progress)
    ]
    write_table(run.history, [field.name for field in fields(Epoch)], map(astuple, history))
    write_table(run.quarantine, ("name", "kind", "detail"), left_out)
    write_table(run.issues, ("name", "kind", "detail"), [*left_out, *found])
    counts = {
        part: np.bincount(np.arange(total) % len(classes), minlength=len(classes)).tolist()
        for part, total in zip(PARTS, (3 * num, num // 2, num), strict=True)
    }
    write_json(
        run.origin,
        {
            "eyespot": "0.1.0",
            "command": f"eyespot train {name}",
            "created": "2026-11-21T08:00:00+00:00",
            "seconds": 12.34,
            "train_seconds": 5.1,
            "versions": {"python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6"},
            "device": "cpu",
            "precision": "bfloat16",
            "threads": 2,
            "processor": "AMD EPYC",
            "best_epoch": max(epochs - 3, 1),
            "num_parameters": 123456,
            "dataset": {
                "name": name,
                "form": "scikit-learn's handwritten digits",
                "fingerprint": "ab12cd34ef56",
                "classes": list(classes),
                "counts": counts,
                "colour": "grey",
                "split": "60 % training, 20 % validation, 20 % test, stratified",
            },
            "notes": ["Flips are off: they would change what a digit says."],
        },
    )
    return run


class Page(HTMLParser):
    """The text and the tags of a page; a bad nesting raises."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_bytes().decode("utf-8"))
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    @property
    def links(self) -> list[str]:
        """Where its anchors lead, in order and once each; in a drawing they have another name."""
        found = [
            attributes.get("href") or attributes.get("xlink:href") or ""
            for tag, attributes in self.tags
            if tag == "a"
        ]
        return list(dict.fromkeys(found))

    def ids(self, start: str = "") -> list[str]:
        """The ids that begin so, in order."""
        found = [attributes.get("id") or "" for _, attributes in self.tags]
        return [one for one in found if one.startswith(start) and one]

    def check_harmless(self) -> None:
        """It runs nothing, asks for nothing outside itself, and hides no character."""
        tags = {tag for tag, _ in self.tags}
        assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
        for tag, attributes in self.tags:
            assert not any(key.startswith("on") for key in attributes), (tag, attributes)
            for key in ("src", "href", "xlink:href"):
                target = attributes.get(key) or "#"
                assert target.startswith(("#", "data:image/")), (tag, target[:80])
        assert len(self.ids()) == len(set(self.ids()))
        assert {link[1:] for link in self.links if link.startswith("#")} <= set(self.ids())
        assert not any(letter in self.text for letter in "\u202e\x1b\ud800")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)
