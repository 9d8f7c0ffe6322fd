"""A net's description, which the model file keeps. Known without torch.

It may come from a stranger's file: every number in it has a bound.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from eyespot.nets.layerlist import MAX_LAYERS, Layer

NetName = Literal["convnet", "layers"]  # the keys of build.NETS
Width = Annotated[int, Field(ge=1, le=2048)]


class ConvNetSpec(BaseModel):
    """A ConvNet in a few numbers, enough to build it again for weights that are at hand.

    widths: channels of each stage, every stage halving the picture. stem: channels of the first
    layer. stride: 2 looks at the picture in patches first, 1 at every pixel. dropout: of the
    features before the last layer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: Literal["convnet"] = "convnet"
    stem: Width
    widths: tuple[Width, ...] = Field(min_length=1, max_length=8)
    stride: Literal[1, 2]
    dropout: float = Field(0.0, ge=0, lt=1)

    def __str__(self) -> str:
        return f"convnet {self.stem}-{'-'.join(map(str, self.widths))}"


class LayersSpec(BaseModel):
    """A net from a recipe's list of layers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Literal["layers"] = "layers"
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=MAX_LAYERS)

    def __str__(self) -> str:
        return f"layers {'-'.join(layer.type for layer in self.layers)}"


NetSpec = Annotated[ConvNetSpec | LayersSpec, Field(discriminator="name")]
