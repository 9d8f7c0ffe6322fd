"""Pixels to the bytes of a file."""

import io

from PIL import Image

from eyespot.values.arrays import Array


def encoded(pixels: Array, kind: str) -> bytes:
    """The bytes of a PNG, or for `.jpg` of a JPEG that loses as little as an original does.

    pixels: uint8 (H, W, C), C 1 or 3.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    data = io.BytesIO()
    if kind == ".jpg":
        image.save(data, "JPEG", quality=95, subsampling=0)
    else:
        image.save(data, "PNG")
    return data.getvalue()
