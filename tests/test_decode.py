"""Which pixels come out of a picture, and what is said when none do."""

import io
import os
import pickle
import random
import socket
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from eyespot.errors import ImageError
from eyespot.images.decode import (
    FOREIGN_SUFFIXES,
    IMAGE_SUFFIXES,
    MAX_BYTES,
    image_size,
    open_image,
)
from eyespot.values.arrays import Array

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")


def photo(width: int = 24, height: int = 16, mode: str = "RGB") -> Image.Image:
    """A smooth coloured picture with some noise."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).integers(0, 9, (height, width))
    bands = [x * 9 + noise, y * 12 + noise, (x + y) * 5 + noise]
    return Image.fromarray(np.stack(bands, axis=2).clip(0, 255).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has one byte of pixels."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", size) + png_chunk(b"IDAT", b"x")


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def reason(source: Any) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(source)
    return str(caught.value)


def pixels(source: Any) -> Array:
    opened = open_image(source)
    assert opened.pixels.dtype == np.uint8
    assert opened.pixels.ndim == 3
    assert opened.pixels.shape[2] in (1, 3)
    return opened.pixels


# What is refused


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello\nworld", "is not a picture (it begins with 'hello')"),
        (b"\n<!DOCTYPE html><html>", "is not a picture (it begins with '<!DOCTYPE html><html')"),
        (b"\xef\xbb\xbfid,label\n", "is not a picture (it begins with 'id,label')"),
        (bytes(2000), "is not a picture (all of its 2,000 bytes are zero)"),
        (b"\x01\x02\xff\xfe", "is not a picture (it begins with the bytes 01 02 ff fe)"),
        (b"\xff\xd8\xff", "is damaged (its header cannot be read)"),
        (
            b"\0\0\0\x18ftypheic\0\0\0\0",
            "is a HEIC picture, which is not decoded; save it as JPEG or PNG",
        ),
        (
            b"<?xml version='1.0'?>\n<!-- x -->\n<svg/>",
            "is an SVG drawing, which is not decoded; save it as JPEG or PNG",
        ),
        (b"%PDF-1.7", "is a PDF, which is not decoded; save it as JPEG or PNG"),
        (b"PK\x03\x04....", "is a zip archive, which is not decoded; save it as JPEG or PNG"),
    ],
)
def test_what_is_not_a_picture_is_refused_by_what_it_is(
    tmp_path: Path, data: bytes, text: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(data)

    assert reason(tmp_path / "a.jpg") == text
    assert reason(data) == text


def test_formats_outside_the_list_are_not_decoded() -> None:
    for kind in ("ICO", "TGA", "PCX", "SGI", "JPEG2000", "EPS"):
        reason(encoded(photo(), kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM"])
def test_a_cut_off_picture_is_refused(kind: str) -> None:
    data = encoded(photo(200, 200), kind)

    assert reason(data[: len(data) // 2]).startswith("is cut off (")


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_a_cut_off_picture_of_a_newer_format_is_refused(kind: str) -> None:
    data = encoded(photo(200, 200), kind)

    assert reason(data[: len(data) // 2]).startswith(("is cut off (", "is damaged ("))


@pytest.mark.parametrize(
    ("width", "height", "text"),
    [
        (7101, 7100, "7101 x 7100 pixels; at most 50,000,000 pixels are decoded"),
        (10_000, 10_000, "10000 x 10000 pixels; at most 50,000,000 pixels are decoded"),
        (15_000, 15_000, "more than 50,000,000 pixels"),
        (2**31 - 1, 2**31 - 1, "more than 50,000,000 pixels"),
    ],
)
@pytest.mark.parametrize("function", [open_image, image_size])
def test_a_bomb_is_refused_by_its_header(
    width: int, height: int, text: str, function: Callable[[bytes], object]
) -> None:
    with pytest.raises(ImageError) as caught:
        function(png_header(width, height))

    assert str(caught.value) == f"is too large ({text})"


def test_a_bomb_in_a_text_chunk_is_refused() -> None:
    text = b"comment\0\0" + zlib.compress(bytes(200 * 2**20), 9)
    data = encoded(photo())
    bomb = data[:33] + png_chunk(b"zTXt", text) + data[33:]

    assert reason(bomb).startswith("is damaged (Decompressed data too large")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's /proc")
def test_bombs_need_less_than_500_MB() -> None:
    """One fresh process refuses a header of every format and a text chunk."""
    text = b"comment\0\0" + zlib.compress(bytes(200 * 2**20), 9)
    data = encoded(photo())
    webp = bytearray(encoded(photo(), "WEBP", lossless=True))
    webp[21:25] = (16383 - 1 | (16383 - 1) << 14).to_bytes(4, "little")
    bmp = bytearray(encoded(photo(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 15_000, 15_000)
    gif = bytearray(encoded(photo(), "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    bombs = [
        png_header(15_000, 15_000),
        data[:33] + png_chunk(b"zTXt", text) + data[33:],
        bytes(webp),
        bytes(bmp),
        bytes(gif),
        b"P6 15000 15000 255\n",
    ]
    script = (
        "import pickle, re, sys\n"
        "from eyespot.errors import ImageError\n"
        "from eyespot.images.decode import open_image\n"
        "from eyespot.images.parallel import in_order\n"
        "def refused(bomb):\n"
        "    try: open_image(bomb)\n"
        "    except ImageError: return True\n"
        "assert all(list(in_order(refused, pickle.load(sys.stdin.buffer))))\n"
        # getrusage would count the memory of the test process that started this one.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())\n"
        "print(int(peak[1]) // 1024)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, input=pickle.dumps(bombs), capture_output=True)

    assert done.stderr == b""
    assert int(done.stdout) < 500


def test_a_file_over_the_size_limit_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.png", "wb") as file:
        file.truncate(MAX_BYTES + 1)

    assert reason(tmp_path / "a.png") == (
        "is too large (134,217,729 bytes; at most 134,217,728 are read)"
    )


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    os.mkfifo(tmp_path / "b.jpg")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "c.jpg"))
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    server.close()

    assert reason(tmp_path / "a.jpg") == "is a folder, not a file"
    for path in (tmp_path / "b.jpg", tmp_path / "c.jpg", "/dev/zero"):
        assert reason(path) == "is a pipe or device, not a file"
    assert reason(tmp_path / "loop.jpg") == "cannot be read (Too many levels of symbolic links)"
    assert reason(tmp_path / "none.jpg") == "is missing"
    assert reason("a\0.jpg") == "cannot be read (embedded null byte)"
    assert reason("a" * 300) == "cannot be read (File name too long)"


def test_a_source_of_another_type_is_refused() -> None:
    assert reason([1, 2]) == "is a list, not a path, bytes, array or PIL image"
    assert reason(None) == "is a NoneType, not a path, bytes, array or PIL image"


def test_a_camera_raw_file_is_refused_and_not_its_thumbnail_used(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.nef", "TIFF")

    assert reason(tmp_path / "a.nef") == (
        "is a camera's raw picture (.nef); save it as JPEG or PNG"
    )


def test_warnings_of_pillow_neither_show_nor_become_errors(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "10000 x 10000" in reason(png_header(10_000, 10_000))
        warnings.simplefilter("always")
        assert "10000 x 10000" in reason(png_header(10_000, 10_000))

    assert capfd.readouterr() == ("", "")


# Which pixels come out


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_pixels_that_pillow_decodes(kind: str) -> None:
    data = encoded(photo(), kind)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    assert (pixels(data) == expected).all()


def test_paths_names_bytes_and_pil_images_give_equal_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a b'\n☃.png"
    photo().save(path)

    for source in (path, str(path), path.read_bytes(), photo(), np.asarray(photo())):
        assert (pixels(source) == np.asarray(photo())).all()


def test_a_file_name_that_is_not_utf8_can_be_opened(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xfe.png")
    try:
        with open(path, "wb") as file:
            file.write(encoded(photo()))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")

    assert pixels(os.fsdecode(path)).shape == (16, 24, 3)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_a_grey_file_has_one_channel(mode: str) -> None:
    expected = np.asarray(photo(mode=mode).convert("L"))

    assert (pixels(encoded(photo(mode=mode))) == expected[..., np.newaxis]).all()


def test_a_grey_picture_stored_as_colour_keeps_three_channels() -> None:
    assert pixels(encoded(photo(mode="L").convert("RGB"))).shape == (16, 24, 3)


@pytest.mark.parametrize("mode", ["P", "RGBX", "YCbCr", "HSV", "CMYK"])
def test_colour_modes_give_the_colours_that_pillow_converts_to(mode: str) -> None:
    image = photo(mode=mode)

    assert (pixels(image) == np.asarray(image.convert("RGB"))).all()


def test_lab_gives_colours() -> None:
    rgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(photo(), rgb, lab, outputMode="LAB")
    assert image is not None

    assert np.abs(pixels(image).astype(int) - np.asarray(photo())).mean() < 6


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_white_paper_in_cmyk_is_white(kind: str) -> None:
    """Pillow writes CMYK JPEGs inverted, as Adobe does, and CMYK TIFFs as they are."""
    paper = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    ink = Image.new("CMYK", (16, 16), (0, 0, 0, 255))

    assert (pixels(encoded(paper, kind)) >= 254).all()
    assert (pixels(encoded(ink, kind)) <= 1).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("as_array", [False, True])
def test_alpha_is_laid_over_white_and_rounded(mode: str, as_array: bool) -> None:
    alpha, value = np.meshgrid(np.arange(256), np.arange(256))
    bands = [value] * (len(mode) - 1) + [alpha]
    layers = np.stack(bands, axis=2).astype(np.uint8)
    expected = np.floor((value * alpha + 255 * (255 - alpha)) / 255 + 0.5)

    flat = pixels(layers if as_array else encoded(Image.fromarray(layers)))

    assert flat.shape[2] == len(mode) - 1
    assert (flat == expected[..., np.newaxis]).all()


@pytest.mark.parametrize(("ink", "ground"), [(255, 0), (225, 0), (200, 255), (10, 255)])
@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_white_ink_with_nothing_behind_it_is_laid_over_black(
    mode: str, ink: int, ground: int
) -> None:
    image = Image.new("LA", (40, 1200), (0, 0))
    image.paste((ink, 255), (10, 900, 20, 950))

    found = pixels(encoded(image.convert("RGBA").convert(mode)))

    assert (found[900:950, 10:20] == ink).all()
    assert (found[:890] == ground).all()


def test_premultiplied_alpha_is_laid_over_white() -> None:
    for mode in ("La", "RGBa"):
        layers = Image.new("RGBA", (4, 4), (100, 100, 100, 0)).convert(mode.upper())

        assert (pixels(layers.convert(mode)) == 255).all()


@pytest.mark.parametrize("as_bytes", [False, True])
def test_transparent_palette_entries_are_white(as_bytes: bool) -> None:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(0, (0, 0, 2, 2))
    data = encoded(image, transparency=b"\x00\xff" if as_bytes else 0)

    assert pixels(data)[0].tolist() == [[255] * 3] * 2 + [[40, 50, 60]] * 2


def test_a_palette_with_its_own_alpha_is_laid_over_white() -> None:
    image = Image.new("PA", (2, 2))
    image.putpalette([10, 20, 30])

    assert (pixels(image) == 255).all()


@pytest.mark.parametrize(("mode", "key"), [("1", 0), ("L", 0), ("RGB", (0, 0, 0)), ("I;16", 0)])
def test_a_transparent_colour_is_white(mode: str, key: Any) -> None:
    assert (pixels(encoded(Image.new(mode, (3, 3)), transparency=key)) == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_keep_their_grey_levels(kind: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(values * 255.0 / 65535)[..., np.newaxis]

    assert (pixels(encoded(Image.fromarray(values), kind)) == expected).all()


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B"])
def test_sixteen_bits_are_read_in_every_byte_order(mode: str) -> None:
    order = ">u2" if mode == "I;16B" else "<u2"
    values = np.array([[0, 257, 25_700, 65_535]], order)
    image = Image.frombytes(mode, (4, 1), values.tobytes())

    assert pixels(image).ravel().tolist() == [0, 1, 100, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 257, 65_535], [0, 1, 255]),
        ([-100, 0, 100], [0, 128, 255]),
        ([0, 2**30, 2**31 - 1], [0, 128, 255]),
        ([70_000, 70_000, 70_000], [0, 0, 0]),
    ],
)
def test_thirty_two_bits_are_sixteen_or_else_stretched(
    values: list[int], expected: list[int]
) -> None:
    image = Image.fromarray(np.array([values], np.int32))

    assert pixels(encoded(image, "TIFF")).ravel().tolist() == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([0, 1.25, 254.75], [0, 1, 255]),
        ([0, 257, 25_696], [0, 1, 100]),
        ([-1, 0, 1], [0, 128, 255]),
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_floats_are_scaled_by_their_range(
    values: list[float], expected: list[int], dtype: Any
) -> None:
    assert pixels(np.array([values], dtype)).ravel().tolist() == expected


@pytest.mark.parametrize("values", [[0, 1e6, 2e6], [-3e38, 0, 3e38], [0, 1e-39, -1e-39]])
def test_the_widest_and_smallest_floats_are_stretched(values: list[float]) -> None:
    image = Image.fromarray(np.array([values], np.float32))

    flat = pixels(encoded(image, "TIFF")).ravel()

    assert (flat.min(), flat.max()) == (0, 255)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_that_are_not_finite_are_refused(value: float) -> None:
    values = np.array([[0, value, 1]], np.float32)

    assert reason(values) == "holds values that are not finite numbers (float32)"
    assert reason(encoded(Image.fromarray(values), "TIFF")) == reason(values)


def test_a_large_picture_is_the_same_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = Image.fromarray(np.random.default_rng(0).integers(0, 256, (37, 41, 4), dtype=np.uint8))
    for image in (layers, layers.convert("RGB"), layers.convert("LA"), layers.quantize(50)):
        whole = pixels(image)
        with monkeypatch.context() as patch:
            patch.setattr("eyespot.images.pixels._STRIP_PIXELS", 100)
            assert (pixels(image) == whole).all()


# Arrays


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, ">u2", np.int8, np.int64, np.float32])
def test_arrays_of_every_shape_and_number_become_pixels(shape: tuple[int, ...], dtype: Any) -> None:
    array = np.ones(shape, dtype)

    channels = 3 if shape[2:] in ((3,), (4,)) else 1
    assert pixels(array).shape == (5, 7, channels)
    assert image_size(array) == (7, 5)


def test_a_byte_array_is_not_copied() -> None:
    array = np.zeros((5, 7, 3), np.uint8)

    assert np.shares_memory(pixels(array), array)


def test_words_and_bits_in_arrays_use_the_whole_range() -> None:
    assert pixels(np.array([[0, 65_535]], np.uint16)).ravel().tolist() == [0, 255]
    assert pixels(np.array([[False, True]])).ravel().tolist() == [0, 255]
    assert pixels(np.array([[0, 200]], np.int64)).ravel().tolist() == [0, 200]


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (
            np.zeros((3, 8, 8)),
            "is not an image (array of float64, shape (3, 8, 8)): "
            "an image is (H, W) or (H, W, C) with C 1 to 4",
        ),
        (
            np.zeros(4),
            "is not an image (array of float64, shape (4,)): "
            "an image is (H, W) or (H, W, C) with C 1 to 4",
        ),
        (
            np.array([[0, 300]]),
            "is not an image (array of int64, shape (1, 2, 1)): "
            "integers from 0 to 300 are not 0..255",
        ),
        (
            np.array([["a"]]),
            "is not an image (array of <U1, shape (1, 1, 1)): "
            "numbers are bool, integers or floats of at most 64 bits",
        ),
        (np.zeros((0, 5)), "has no pixels (5 x 0)"),
    ],
)
def test_arrays_that_are_not_images_are_quoted(array: Array, text: str) -> None:
    assert reason(array) == text


# Orientation, frames, names


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(), kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")

    assert (pixels(data) == np.asarray(expected)).all()
    assert (pixels(Image.open(io.BytesIO(data))) == np.asarray(expected)).all()
    assert pixels(data).flags.c_contiguous
    assert image_size(data) == expected.size
    assert expected.size == ((24, 16) if orientation < 5 else (16, 24))


def test_orientation_6_turns_clockwise() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.array([[[1], [2]], [[3], [4]]], np.uint8)

    turned = pixels(encoded(Image.fromarray(values[..., 0]), "PNG", exif=exif))

    assert turned[..., 0].tolist() == [[3, 1], [4, 2]]


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(99), b"garbage"]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_is_no_orientation(kind: str, exif: bytes) -> None:
    data = encoded(photo(), kind, exif=exif)

    assert (pixels(data) == pixels(encoded(photo(), kind))).all()
    assert image_size(data) == (24, 16)


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_an_orientation_out_of_range_is_none(orientation: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert pixels(encoded(photo(), "JPEG", exif=exif)).shape == (16, 24, 3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_first_frame_is_used_and_said(kind: str) -> None:
    others = [ImageOps.invert(photo()), ImageOps.mirror(photo())]
    data = encoded(photo(), kind, save_all=True, append_images=others)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    opened = open_image(data)

    several = "several pages; the first page" if kind == "TIFF" else "animated; the first frame"
    assert opened.remarks == (f"{several} is used",)
    assert (opened.pixels == expected).all()


def test_the_previews_of_a_camera_are_not_worth_a_remark() -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[photo()])

    assert open_image(data).remarks == ()


def test_a_wrong_suffix_is_remarked_and_the_content_decoded(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.JPG", "PNG")

    opened = open_image(tmp_path / "a.JPG")

    assert opened.remarks == ("PNG data under the name .jpg",)
    assert (opened.pixels == np.asarray(photo())).all()


@pytest.mark.parametrize("name", ["a.jpeg", "a.jfif", "a", "a.0001", "a.mpo"])
def test_a_right_or_unknown_suffix_is_not_remarked(tmp_path: Path, name: str) -> None:
    photo().save(tmp_path / name, "JPEG")

    assert open_image(tmp_path / name).remarks == ()


def test_suffixes_are_lower_case_and_of_one_kind() -> None:
    assert not IMAGE_SUFFIXES & FOREIGN_SUFFIXES
    for suffix in IMAGE_SUFFIXES | FOREIGN_SUFFIXES:
        assert suffix == f".{suffix[1:].lower()}"


# Sizes


def test_the_size_is_read_from_the_header_alone() -> None:
    data = encoded(photo(200, 100), "JPEG", quality=95)

    assert image_size(data[:700]) == (200, 100)
    reason(data[:700])


def test_the_size_of_a_png_is_known_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(photo())
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", None)

    assert image_size(data) == (24, 16)


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1)])
def test_extreme_shapes_are_decoded(shape: tuple[int, int]) -> None:
    image = Image.new("RGB", shape, "red")

    assert pixels(encoded(image)).shape == (shape[1], shape[0], 3)
    assert image_size(encoded(image)) == shape


# Fuzz


def mutated(data: bytes, dice: random.Random) -> bytes:
    """The data with bytes changed, a piece cut out or doubled, or its end gone."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 8))):
        # Headers decide most, so half of the changes go there.
        place = dice.randrange(min(len(changed), dice.choice((80, len(changed)))) or 1)
        kind = dice.randrange(5)
        if kind <= 1:
            changed[place : place + 1] = bytes(
                [dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))]
            )
        elif kind == 2:
            changed[place : place + 4] = dice.randbytes(4)
        elif kind == 3:
            del changed[place : place + dice.randrange(1, 30)]
        else:
            del changed[max(place, 20) :]
    return bytes(changed)


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
def test_damaged_data_gives_pixels_or_an_image_error(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(kind)
    exif = Image.Exif()
    exif[0x0112] = 6
    others: dict[str, Any] = {"save_all": True, "append_images": [photo(mode="L")]}
    many = kind in ("GIF", "PNG", "TIFF", "WEBP", "AVIF", "MPO")
    seeds = [
        encoded(photo(), kind, **({"exif": exif} if kind not in ("GIF", "BMP", "PPM") else {})),
        encoded(photo(), kind, **(others if many else {})),
        encoded(photo(mode="L"), kind),
        *([encoded(photo(mode="I;16"), kind)] if kind in ("PNG", "TIFF", "PPM") else []),
        *([encoded(photo(mode="P"), kind)] if kind in ("PNG", "TIFF", "GIF", "BMP") else []),
    ]
    for round_ in range(400):
        data = mutated(seeds[round_ % len(seeds)], dice)
        try:
            opened = open_image(data)
        except ImageError:
            pass
        else:
            assert opened.pixels.dtype == np.uint8
        try:
            image_size(data)
        except ImageError:
            pass

    assert capfd.readouterr() == ("", "")
