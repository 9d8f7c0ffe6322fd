"""Pictures of any form as files that a browser decodes."""

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from eyespot.images.decode import open_image
from eyespot.values.dataset import ImageInput

_OF_BROWSERS = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF.{4}WEBP", re.DOTALL)


def encoded(source: ImageInput) -> bytes:
    """The file as it is, if every browser reads its form; else its pixels as PNG.

    Raises ImageError, OSError for what cannot be read.
    """
    if not isinstance(source, np.ndarray | Image.Image):
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        if _OF_BROWSERS.match(data):
            return data
    pixels = open_image(source).pixels
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()
