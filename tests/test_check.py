"""A folder with planted faults: each is found and named, the clean rest gives no alarm."""

import io
import os
import struct
import subprocess
import sys
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyespot as package
from eyespot.data.checkup import Checked, check
from made_pictures import DATA, copied, photo

NUM_CLEAN = 400  # a class and part each have a quarter
NUM_COPIES = 20  # near duplicates: 5 %
POSIX = pytest.mark.skipif(os.name == "nt", reason="pipes and odd names are POSIX's")

# What each planted file is to be told as; the files of one fault share a word.
EXPECTED = {
    "zero.jpg": "empty-file",
    "text.jpg": "unreadable",
    "page.jpg": "unreadable",
    "cut.jpg": "unreadable",
    "cut.png": "unreadable",
    "zeros.png": "unreadable",
    "noise.jpg": "unreadable",
    "heic.jpg": "unreadable",
    "svg.png": "unreadable",
    "pdf.jpg": "unreadable",
    "zip.png": "unreadable",
    "bomb.png": "unreadable",
    "textbomb.png": "unreadable",
    "really-a-png.jpg": "wrong-extension",
    "photo.heic": "unsupported",
    "drawing.svg": "unsupported",
    "white.png": "blank",
    "faint.png": "nearly-constant",
    "dark.png": "too-dark",
    "bright.png": "too-bright",
    "blurred.png": "blurred",
    "pixel.png": "too-small",
    "huge.png": "huge",
    "ribbon.png": "odd-aspect-ratio",
    "print.jpg": "odd-mode",
    "deep.png": "odd-mode",
    "moving.gif": "odd-mode",
    "pipe.png": "not-a-file",
    "loop.png": "link",
    "outside.png": "link",
    "again.png": "link",
}


def encoded(pixels: np.ndarray | Image.Image, form: str = "PNG", **options: object) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG file whose header promises so many pixels and which holds none."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def soft(pixels: np.ndarray) -> Image.Image:
    """Blurred as far as a shaken photo."""
    small = Image.fromarray(pixels).resize((20, 15), Image.Resampling.BOX)
    return small.resize((160, 120), Image.Resampling.BICUBIC)


def plant(folder: Path) -> None:
    """Broken and odd files, one of each kind, in a class folder."""
    picture = photo(5_000)
    whole, jpeg = encoded(picture), encoded(picture, "JPEG")
    grey = picture[..., 0].astype(np.uint16)
    still = [Image.fromarray(photo(5_100 + number)) for number in range(3)]
    bomb = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(200_000_000), 1))
    files = {
        "zero.jpg": b"",
        "text.jpg": b"buy milk and bread",
        "page.jpg": b"<!doctype html><title>404</title>" * 9,
        "cut.jpg": jpeg[: len(jpeg) // 3],
        "cut.png": whole[: len(whole) // 3],
        "zeros.png": bytes(4_096),
        "noise.jpg": np.random.default_rng(0).bytes(4_096),
        "heic.jpg": b"\0\0\0\x18ftypheic" + bytes(99),
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "pdf.jpg": b"%PDF-1.7\n",
        "zip.png": b"PK\x03\x04" + bytes(99),
        "bomb.png": png(15_000, 15_000, chunk(b"IDAT", zlib.compress(bytes(9_000)))),
        "textbomb.png": png(64, 64, bomb),
        "really-a-png.jpg": encoded(photo(5_001)),
        "photo.heic": b"\0\0\0\x18ftypheic",
        "drawing.svg": b"<svg/>",
        "white.png": encoded(np.full((120, 160, 3), 255, np.uint8)),
        "faint.png": encoded((photo(5_002) // 64 + 120).astype(np.uint8)),
        "dark.png": encoded((photo(5_003) // 12).astype(np.uint8)),
        "bright.png": encoded((255 - photo(5_004) // 12).astype(np.uint8)),
        "blurred.png": encoded(soft(photo(5_005))),
        "pixel.png": encoded(photo(5_006)[:2, :1]),
        "huge.png": encoded(photo(5_007, width=1_600, height=1_200)),
        "ribbon.png": encoded(photo(5_008, width=800, height=60)),
        "print.jpg": encoded(Image.fromarray(photo(5_009)).convert("CMYK"), "JPEG"),
        "deep.png": encoded(Image.fromarray(grey * 257)),
        "moving.gif": encoded(still[0], "GIF", save_all=True, append_images=still[1:]),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "ring").symlink_to(folder.parent, target_is_directory=True)
    (folder / "outside.png").symlink_to("/etc/hostname")
    (folder / "again.png").symlink_to("clean-0000.png")


HOSTILE = [
    "-rf.png",
    "=cmd.png",
    "two\nlines.png",
    '"quoted", with comma.png',
    "<script>alert(1)<.png",
    "kitten 🐈.png",
    "caf\udce9.png",
    "n" * 251 + ".png",
    "Twin.png",
    "twin.png",
]


def planted(root: Path) -> Path:
    """train/ and test/ with the classes cat and dog: clean photos, copies, faults, odd names."""
    for number in range(NUM_CLEAN):
        part, label = ("train", "test")[number % 2], ("cat", "dog")[number // 2 % 2]
        folder = root / part / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"clean-{number:04}.png").write_bytes(encoded(photo(number)))
    cats, dogs, tests = root / "train" / "cat", root / "train" / "dog", root / "test" / "cat"
    for number in range(NUM_COPIES):
        (cats / f"near-{number}.jpg").write_bytes(copied(photo(4 * number)))  # of a training cat
    for number in range(3):
        (cats / f"same-{number}.png").write_bytes(encoded(photo(80 + 4 * number)))
        (dogs / f"two-{number}.png").write_bytes(encoded(photo(120 + 4 * number)))  # of a cat
        (tests / f"leak-{number}.png").write_bytes(encoded(photo(160 + 4 * number)))
        (tests / f"near-leak-{number}.jpg").write_bytes(copied(photo(200 + 4 * number)))
        (dogs / f"near-two-{number}.jpg").write_bytes(copied(photo(240 + 4 * number)))
    for number, name in enumerate(HOSTILE):
        (dogs / name).write_bytes(encoded(photo(3_000 + number)))
    plant(cats)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted(tmp_path_factory.mktemp("planted") / "pets")


@pytest.fixture(scope="module")
def checked(folder: Path) -> Checked:
    return check(folder, cache=folder.parent / "cache")


def kinds_by_name(checked: Checked) -> dict[str, set[str]]:
    """What was said of each file, by its name without the folders."""
    found: dict[str, set[str]] = defaultdict(set)
    for issue in checked.issues:
        found[issue.name.rpartition("/")[2]].add(issue.kind)
    return found


@POSIX
@pytest.mark.parametrize("name", EXPECTED)
def test_every_planted_fault_is_found_and_named(checked, name):
    assert EXPECTED[name] in kinds_by_name(checked)[name]


@POSIX
def test_there_are_more_than_26_kinds_of_faults():
    assert len(EXPECTED) >= 26


@POSIX
def test_a_link_to_a_folder_is_told_and_not_followed(checked):
    assert kinds_by_name(checked)["ring"] == {"link"}
    assert not any("ring/" in name for name in checked.dataset.names)


@POSIX
@pytest.mark.parametrize(
    ("name", "num", "kind"),
    [
        ("near-{}.jpg", NUM_COPIES, "near-duplicate"),
        ("same-{}.png", 3, "duplicate"),
        ("two-{}.png", 3, "contradicting-label"),
        ("near-two-{}.jpg", 3, "near-contradicting-label"),
    ],
)
def test_every_copy_is_found(checked, name, num, kind):
    found = kinds_by_name(checked)

    assert [number for number in range(num) if kind not in found[name.format(number)]] == []


@POSIX
def test_a_leak_is_told_of_the_image_that_has_to_go(checked):
    leaks = [issue for issue in checked.issues if issue.kind == "leak"]

    assert len(leaks) == 3
    assert all(issue.name.startswith("train/cat/clean-") for issue in leaks)
    assert sum(issue.kind == "near-leak" for issue in checked.issues) == 3


@POSIX
def test_odd_names_are_no_faults(checked):
    names = {name.rpartition("/")[2] for name in checked.dataset.names}
    found = kinds_by_name(checked)

    assert names >= set(HOSTILE)
    assert [name for name in HOSTILE if found.get(name)] == []


@POSIX
def test_of_the_clean_images_less_than_a_hundredth_gives_an_alarm(checked):
    twins = {80 + 4 * n for n in range(3)} | {
        n for s in (120, 160, 200, 240) for n in (s, s + 4, s + 8)
    }
    copies = {4 * number for number in range(NUM_COPIES)} | twins
    clean = [f"clean-{number:04}.png" for number in range(NUM_CLEAN) if number not in copies]
    found = kinds_by_name(checked)

    alarms = {name: found[name] for name in clean if found.get(name)}

    assert len(alarms) < 0.01 * len(clean), alarms


@POSIX
def test_the_check_of_hostile_files_takes_less_than_a_gigabyte(folder):
    code = (
        "import sys; from pathlib import Path; from eyespot.data.checkup import check\n"
        "checked = check(sys.argv[1], cache=Path(sys.argv[2])); assert len(checked.issues) > 50\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc to read the peak memory from")
    source = str(Path(package.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(folder.parent / "fresh")],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(done.stdout) < 1_000_000  # kB


@pytest.mark.skipif(not (DATA / "photographed-characters").is_dir(), reason="no ../shared/data")
class TestPhotographedCharacters:
    def test_rows_that_name_missing_files_are_listed_by_row(self, tmp_path):
        found = check(DATA / "photographed-characters" / "english.csv", cache=tmp_path)
        missing = [issue for issue in found.issues if issue.kind == "missing-file"]

        assert len({issue.name for issue in missing}) == 593
        assert missing[0].name == "english.csv line 2602"

    def test_copies_and_the_tiny_file_are_found(self, tmp_path):
        found = check(DATA / "photographed-characters" / "labels-from-names.csv", cache=tmp_path)

        assert sum(issue.kind == "duplicate" for issue in found.issues) == 462
        assert [issue.detail[:5] for issue in found.issues if issue.kind == "too-small"] == [
            "1 x 2"
        ]
