"""How a picture becomes what a net sees."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Fit = Literal["pad", "stretch", "crop"]


class Range(BaseModel):
    """What is usual of something that was measured, and from where to where it goes at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    least: int = Field(ge=-(2**24), le=2**24)
    low: int = Field(ge=-(2**24), le=2**24)
    middle: int = Field(ge=-(2**24), le=2**24)
    high: int = Field(ge=-(2**24), le=2**24)
    most: int = Field(ge=-(2**24), le=2**24)


class InkStyle(BaseModel):
    """How a set shows its characters, measured on prepared images of its training part.

    ground: the grey level without ink. full: how far that of a full stroke is from it, and bright
    whether it is above. by_mass: whether characters are placed by their centre of mass, else by
    that of their box. All lengths in 64ths of a pixel of the prepared image: side, the longer one
    of the box; stroke, the width; down and right, from the middle of the image to the centre.
    peak: the largest ink of a picture, clear: how far the level of its border is from the ground.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    ground: int = Field(ge=0, le=255)
    full: int = Field(ge=1, le=255)
    bright: bool
    by_mass: bool
    side: Range
    stroke: Range
    down: Range
    right: Range
    peak: Range
    clear: Range


class Preparation(BaseModel):
    """How a decoded image becomes what the net sees; kept in the model file, one for all.

    size: the side of the square, in pixels. channels: 1 grey, 3 colour.
    fit: `pad` keeps the whole picture, `stretch` bends it, `crop` keeps the centre.
    mean, std: per channel, in units of full brightness (0..1), measured on the training part.
    ink: what a picture of a character that looks unlike the training's is made to look like; None
    takes every picture as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int = Field(ge=4, le=4096)
    channels: Literal[1, 3]
    fit: Fit
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ink: InkStyle | None = None
