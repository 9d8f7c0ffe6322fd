import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageFilter

from eyespot.data import read
from eyespot.data.checks import KINDS, find_issues
from eyespot.data.checkup import check
from eyespot.data.scanning import scan_images
from eyespot.values.arrays import Array
from made_pictures import DATA, dataset, photo

CLEAN = [photo(seed) for seed in range(30)]


def kinds(images, labels=None) -> dict[str, set[str]]:
    """The kinds found, by the image's name."""
    data = dataset(images, labels=labels)
    found: dict[str, set[str]] = {}
    for issue in find_issues(data, scan_images(data, cache=None)):
        assert issue.kind in KINDS
        found.setdefault(issue.name, set()).add(issue.kind)
    return found


def blurred(pixels: Array, radius: float) -> Array:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def resized(pixels: Array, width: int, height: int) -> Array:
    return np.asarray(Image.fromarray(pixels).resize((width, height)))


def saved(image: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


RGB = Image.fromarray(CLEAN[0])
ANIMATED = saved(RGB, "GIF", save_all=True, append_images=[Image.fromarray(CLEAN[1])])
PLANTED = {
    "empty-file": b"",
    "unreadable": saved(RGB, "JPEG")[:900],
    "blank": np.full((120, 160, 3), (9, 200, 30), np.uint8),
    "nearly-constant": (CLEAN[0] // 64 + 120).astype(np.uint8),
    "too-dark": (CLEAN[0] // 12).astype(np.uint8),
    "too-bright": (255 - (255 - CLEAN[0]) // 14).astype(np.uint8),
    "blurred": blurred(CLEAN[0], 4),
    "too-small": CLEAN[0][:12, :16],
    "huge": np.asarray(RGB.resize((1600, 1200))),
    "odd-aspect-ratio": CLEAN[0][:20],
    "odd-mode": saved(RGB.convert("CMYK"), "JPEG"),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_found_and_named_and_nothing_else_is(kind):
    found = kinds([*CLEAN, PLANTED[kind]])

    assert kind in found.pop("00030")
    assert found == {}


@pytest.mark.parametrize("mode", ["I;16", "F", "PA", "animated"])
def test_pictures_that_are_converted_are_odd(mode):
    grey = np.asarray(RGB.convert("L"))
    odd = {
        "I;16": saved(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
        "F": saved(Image.fromarray(grey.astype(np.float32) / 255), "TIFF"),
        "PA": saved(RGB.convert("P"), "PNG", transparency=0),
        "animated": ANIMATED,
    }

    assert kinds([*CLEAN, odd[mode]]) == {"00030": {"odd-mode"}}


def test_a_wrong_extension_is_named(tmp_path):
    paths = [tmp_path / f"{seed}.png" for seed in range(10)]
    for seed, path in enumerate(paths):
        Image.fromarray(photo(seed)).save(path, "JPEG" if seed == 7 else "PNG")

    assert kinds(paths) == {"00007": {"wrong-extension"}}


def test_what_cannot_be_decoded_is_left_out_and_nothing_else_is():
    data = dataset([*CLEAN, *PLANTED.values()])

    issues = list(find_issues(data, scan_images(data, cache=None)))

    assert {issue.kind for issue in issues if issue.left_out} == {"empty-file", "unreadable"}


def test_a_set_that_is_dark_soft_small_or_long_throughout_gives_no_alarm():
    for changed in (
        [(pixels // 12).astype(np.uint8) for pixels in CLEAN],
        [(255 - (255 - pixels) // 14).astype(np.uint8) for pixels in CLEAN],
        [(pixels // 64 + 120).astype(np.uint8) for pixels in CLEAN],
        [blurred(pixels, 4) for pixels in CLEAN],
        [resized(pixels, 8, 8) for pixels in CLEAN],
        [resized(pixels, 160, 12) for pixels in CLEAN],
        [saved(Image.fromarray(pixels).convert("CMYK"), "JPEG") for pixels in CLEAN],
    ):
        assert not {kind for found in kinds(changed).values() for kind in found} - {"blank"}


def test_a_class_of_blank_pictures_is_meant_so_and_a_lost_one_is_not():
    blank = [np.full((120, 160, 3), level, np.uint8) for level in range(100, 115)]

    meant = kinds([*CLEAN[:15], *blank], labels=[0] * 15 + [1] * 15)
    lost = kinds([*CLEAN[:15], *blank[:3]], labels=[0] * 10 + [1] * 5 + [0, 0, 1])

    assert meant == {}
    assert lost == {name: {"blank"} for name in ("00015", "00016", "00017")}


def test_a_plane_of_two_colours_of_one_brightness_is_not_blank():
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:] = (255, 0, 0), (0, 130, 0)  # 76 grey both

    assert "blank" not in kinds([*CLEAN, pixels])["00030"]


def test_line_drawings_of_any_weight_give_no_alarm():
    drawings = np.full((40, 150, 200), 255, np.uint8)
    for index, drawing in enumerate(drawings):
        drawing[20 + index : 22 + index + index % 5, 30:170] = 0
        drawing[20:130, 40 + 2 * index : 43 + 2 * index] = 0

    assert kinds(drawings) == {}


def test_nothing_readable_is_no_crash():
    assert kinds([b"", b""]) == {"00000": {"empty-file"}, "00001": {"empty-file"}}
    assert kinds([]) == {}


def test_a_check_says_all_that_a_page_needs(tmp_path):
    images = [*CLEAN, CLEAN[3], b""]

    checked = check(dataset(images, labels=[0] * 22 + [1] * 10), cache=tmp_path)

    assert (len(checked.facts), checked.counts, checked.imbalance) == (32, (22, 10), 2.2)
    assert (checked.exact, checked.near) == (((3, 30),), ())
    assert checked.modes == {"RGB": 31} and checked.num_coloured == 31
    assert checked.spreads["width"].smallest == checked.spreads["width"].largest == 160
    assert checked.spreads["aspect"].median == pytest.approx(4 / 3)
    assert [issue.kind for issue in checked.issues] == [
        "empty-file",
        "contradicting-label",
        "contradicting-label",
    ]


def test_a_check_reads_a_folder_and_keeps_what_reading_said(tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    for label in ("cat", "Cat ", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for seed in range(3):
            pixels = photo(len(label) * 10 + seed)
            Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{label}{seed}.png")

    checked = check(tmp_path / "pets")

    assert "similar-class" in {issue.kind for issue in checked.issues}
    assert len(list((tmp_path / "cache" / "facts").iterdir())) == 1


SETS = ["cats-dogs", "mnist", "english-characters", "photographed-characters/labels-from-names.csv"]
REAL = {  # an even white, and 1x2 pixels
    "cats-dogs": {"Cat/835.jpg"},
    "photographed-characters/labels-from-names.csv": {"PNG/SMALL_i_83.png"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_false_alarms_on_real_images_are_below_one_percent(name, tmp_path):
    if not (DATA / name).exists():
        pytest.skip(f"shared/data/{name} is absent")
    data = read(DATA / name)

    issues = list(find_issues(data, scan_images(data, cache=tmp_path)))

    shares = Counter(issue.kind for issue in issues if issue.name not in REAL.get(name, ()))
    assert shares.total() < 0.01 * len(data), shares
