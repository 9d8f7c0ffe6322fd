"""What is odd about single images, from their facts: each kind a rule in a line or two.

Most rules are relative: half, a third or a sixth of what is usual in the set, so that a set of
dark, small, soft or drawn pictures gives no alarm. The shares of false alarms behind each number
are of cats-dogs (7,999 photos), cats-dogs-fullsize (300), english-characters (3,410 drawings),
photographed-characters (6,200) and MNIST (70,000), in this order.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from eyespot.data.inventory import Inventory
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue

# Kinds of issues about images, in the order of a page, and what each of them means.
KINDS = {
    "empty-file": "a file of 0 bytes",
    "unreadable": "cannot be decoded, with the reason",
    "blank": "one colour all over",
    "contradicting-label": "the same pixels under two labels",
    "leak": "the same pixels in two parts",
    "near-contradicting-label": "looks the same as an image with another label",
    "near-leak": "looks the same as an image of another part",
    "near-chain": "images that look alike one to the next, most of a class",
    "duplicate": "the same pixels as an earlier image",
    "near-duplicate": "an earlier image, resized or compressed again",
    "nearly-constant": "hardly any contrast",
    "too-dark": "hardly anything above black",
    "too-bright": "hardly anything below white",
    "blurred": "no sharp edge anywhere",
    "too-small": "far smaller than usual in this set",
    "huge": "far larger than usual in this set",
    "odd-aspect-ratio": "far longer or higher than usual in this set",
    "odd-mode": "stored unlike most of this set, and converted",
    "alike": "the same to a backbone, if not by its pixels: cropped, turned, relit",
    "odd-one-out": "unlike all others of its class to a backbone",
    "wrong-extension": "the name promises another format",
}

_PLAIN_MODES = (b"1", b"L", b"LA", b"P", b"RGB", b"RGBA")

# Brightness plus, or minus, twice the contrast is about the brightest, or darkest, twentieth.
# Half as far from black, or white, as is usual, too. 0 % each are dark; 0 %, 0 %, 0 %, 0.1 %, 0 %
# bright.
_DARK = 0.2
_BRIGHT = 0.75
_LIGHT_STEP = 0.1

_FAINT = 0.02  # contrast; a third of the usual one as well

# Photos of 180 x 180, blurred by a Gaussian of 2 pixels and saved as JPEG, have 0.334 (median), of
# 3 pixels 0.294, of 5 pixels 0.270; as they came, 1 % have less than 0.429. False alarms:
# 0 %, 0.3 % (one), 0 %, 0 %; MNIST is too small to be judged.
_SOFT = 0.325
_SOFT_SHARE = 0.75  # of the usual sharpness
_LEAST_SIDE = 32  # smaller pictures have no room for a blurred edge

_SIZE_RATIO = 6.0  # 0 %, 0 %, 0 %, 0.02 % (a file of 1 x 2 pixels), 0 %
_ASPECT_RATIO = 3.0  # 0 % each; characters on paper reach 2.7


def find_issues(dataset: Dataset, inventory: Inventory) -> Iterator[Issue]:
    """Everything odd about single images, in the order of the images; duplicates are not told."""
    found: list[tuple[int, Issue]] = []
    for place, reason in inventory.errors.items():
        kind = "empty-file" if "(0 bytes)" in reason else "unreadable"
        name = dataset.names[place]
        found.append((place, Issue(kind=kind, name=name, detail=reason, left_out=True)))
    for place, remarks in inventory.remarks.items():
        for remark in remarks:
            kind = "wrong-extension" if " data under the name " in remark else "odd-mode"
            issue = Issue(kind=kind, name=dataset.names[place], detail=remark, score=0.0)
            found.append((place, issue))
    places = np.flatnonzero(inventory.readable)
    if len(places):
        rows = {name: inventory.rows[name][places] for name in _JUDGED}
        rules = (_blanks(rows, dataset.labels[places]), _lights(rows), _shapes(rows), _modes(rows))
        for rule in rules:
            for kind, at, score, detail in rule:
                place = int(places[at])
                issue = Issue(kind=kind, name=dataset.names[place], detail=detail, score=score)
                found.append((place, issue))
    found.sort(key=lambda one: one[0])
    return (issue for _, issue in found)


def faint_issues(dataset: Dataset, brightness: Array, contrast: Array) -> Iterator[Issue]:
    """Blank and nearly constant images alone, by the brightness and contrast of each, (N,)."""
    rows = {"brightness": brightness, "contrast": contrast}
    for kind, at, score, detail in _blanks(rows, dataset.labels):
        yield Issue(kind=kind, name=dataset.names[at], detail=detail, score=score)


_JUDGED = ("width", "height", "brightness", "contrast", "sharpness", "mode")
_Columns = Mapping[str, Array]
_Odd = Iterator[tuple[str, int, float, str]]  # kind, row, score, detail


def _blanks(rows: _Columns, labels: Array) -> _Odd:
    """Pictures without content, unless they are most of their class: 'nothing' may be a class."""
    contrast = rows["contrast"]
    blank = contrast == 0
    sizes = Counter(labels.tolist())
    meant = {
        label for label, num in Counter(labels[blank].tolist()).items() if 2 * num > sizes[label]
    }
    for at in np.flatnonzero(blank & ~np.isin(labels, list(meant))).tolist():
        detail = f"one colour all over, {rows['brightness'][at]:.0%} bright"
        yield "blank", at, 1.0, detail
    faint = ~blank & (contrast < min(_FAINT, np.median(contrast) / 3))
    for at in np.flatnonzero(faint).tolist():
        yield "nearly-constant", at, 0.8, f"its contrast is {contrast[at]:.1%} of the full range"


def _lights(rows: _Columns) -> _Odd:
    """Too dark, too bright, blurred; a picture without contrast is told of already."""
    bright, contrast, sharp = rows["brightness"], rows["contrast"], rows["sharpness"]
    usual = np.median(bright)
    told = contrast == 0
    dark = ~told & (bright + 2 * contrast < _DARK) & (bright < min(usual / 2, usual - _LIGHT_STEP))
    for at in np.flatnonzero(dark).tolist():
        yield "too-dark", at, 0.7, f"{bright[at]:.0%} bright, where {usual:.0%} is usual"
    light = (
        ~told
        & (bright - 2 * contrast > _BRIGHT)
        & (bright > max((1 + usual) / 2, usual + _LIGHT_STEP))
    )
    for at in np.flatnonzero(light).tolist():
        yield "too-bright", at, 0.7, f"{bright[at]:.0%} bright, where {usual:.0%} is usual"
    judged = np.minimum(rows["width"], rows["height"]) >= _LEAST_SIDE
    judged &= contrast >= _FAINT
    if judged.any():
        usual = np.median(sharp[judged])
        for at in np.flatnonzero(judged & (sharp < min(_SOFT, _SOFT_SHARE * usual))).tolist():
            detail = f"its sharpness is {sharp[at]:.2f}, where {usual:.2f} is usual"
            yield "blurred", at, 0.6, detail


def _shapes(rows: _Columns) -> _Odd:
    """Too small, huge, too long: by the medians of the set."""
    width, height = rows["width"].astype(np.float64), rows["height"].astype(np.float64)
    side, aspect = np.sqrt(width * height), np.log(width / height)
    usual = float(np.median(side))
    sizes = (("too-small", usual / side, 0.7), ("huge", side / usual, 0.3))
    for kind, ratio, score in sizes:
        for at in np.flatnonzero(ratio > _SIZE_RATIO).tolist():
            size = f"{width[at]:.0f} x {height[at]:.0f}"
            detail = f"{size} pixels, where {usual:.0f} x {usual:.0f} is usual"
            yield kind, at, score, detail
    middle = np.median(aspect)
    spread = np.median(np.abs(aspect - middle))
    odd = np.abs(aspect - middle) > max(np.log(_ASPECT_RATIO), 5 * spread)
    for at in np.flatnonzero(odd).tolist():
        detail = (
            f"{width[at]:.0f} x {height[at]:.0f} pixels, where {np.exp(middle):.2g} : 1 is usual"
        )
        yield "odd-aspect-ratio", at, 0.5, detail


def _modes(rows: _Columns) -> _Odd:
    """Pictures stored in a way that had to be converted, unless half of the set is."""
    modes, counts = np.unique(rows["mode"], return_counts=True)
    for mode, num in zip(modes.tolist(), counts.tolist(), strict=True):
        if mode and mode not in _PLAIN_MODES and 2 * num < len(rows["mode"]):
            for at in np.flatnonzero(rows["mode"] == mode).tolist():
                yield "odd-mode", at, 0.0, f"stored as {_spoken(mode)}"


def _spoken(mode: bytes) -> str:
    word = mode.decode()
    if word.startswith("I"):
        return f"{word}, 16 or 32 bits a pixel; brought to 8"
    known = {
        "CMYK": "CMYK, the colours of print; brought to RGB",
        "F": "F, floating point numbers; brought to 8 bits",
        "PA": "a palette with transparency, laid on white",
    }
    return known.get(word, word)
