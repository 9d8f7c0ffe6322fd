"""A net's description, which the model file keeps. Known without torch."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NetName = Literal["convnet"]  # the keys of build.NETS
Width = Annotated[int, Field(ge=1, le=2048)]


class NetSpec(BaseModel):
    """A net in a few numbers, enough to build it again for weights that are at hand.

    widths: channels of each stage, every stage halving the picture. stem: channels of the first
    layer. stride: 2 looks at the picture in patches first, 1 at every pixel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(max_length=40)
    stem: Width
    widths: tuple[Width, ...] = Field(min_length=1, max_length=8)
    stride: Literal[1, 2]
