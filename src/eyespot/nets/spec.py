"""A net's description, which the model file keeps. Known without torch.

It may come from a stranger's file: every number in it has a bound.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from eyespot.nets.layerlist import MAX_LAYERS, Layer
from eyespot.nets.trunkspec import TrunkSpec
from eyespot.values.model import Views

NetName = Literal["convnet", "layers", "backbone"]  # the keys of build.NETS
Width = Annotated[int, Field(ge=1, le=2048)]


class ConvNetSpec(BaseModel):
    """A ConvNet in a few numbers, enough to build it again for weights that are at hand.

    widths: channels of each stage, every stage halving the picture. depth: its convolutions. stem:
    channels of the first layer. stride: 2 looks at the picture in patches first, 1 at every pixel.
    dropout: of the features before the last layer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: Literal["convnet"] = "convnet"
    stem: Width
    widths: tuple[Width, ...] = Field(min_length=1, max_length=8)
    stride: Literal[1, 2]
    depth: Literal[1, 2] = 2
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


class BackboneSpec(BaseModel):
    """A pretrained trunk under a head of one layer, or of two.

    source: what a person calls the trunk; digest: the SHA-256 of the files that it came from.
    depths: how many features it gives of each depth, last those that the head gets. embedded: its
    weights are in the model file; else they are found by source and digest. tuned: they have been
    trained on, so that they are others than the digest's. hidden: numbers between the layers of the
    head, 0 for one layer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Literal["backbone"] = "backbone"
    trunk: TrunkSpec
    source: str = Field(min_length=1, max_length=4096)
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    depths: tuple[Annotated[int, Field(ge=1, le=2**16)], ...] = Field(min_length=1, max_length=16)
    embedded: bool = True
    tuned: bool = False
    hidden: int = Field(0, ge=0, le=4096)

    @property
    def width(self) -> int:
        """Numbers in a row of what is remembered of a picture: all depths, and the last again."""
        return sum(self.depths) + self.depths[-1]

    def __str__(self) -> str:
        return f"{self.trunk.architecture} with a head of {self.depths[-1]} features"


class RefusalSpec(BaseModel):
    """How much is kept to tell pictures of something else. See Refusal.

    depths: the number of features and of main directions of each depth of the net. share: of good
    pictures that are refused, as was aimed at on the validation part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    depths: tuple[
        tuple[Annotated[int, Field(ge=1, le=2**16)], Annotated[int, Field(ge=1, le=256)]], ...
    ] = Field(min_length=1, max_length=MAX_LAYERS + 1)
    num_neighbours: int = Field(ge=1, le=2**16)
    share: float = Field(gt=0, le=0.5)


class MemberSpec(BaseModel):
    """One net of an ensemble, with what else its answer hangs on.

    mean, std: of its own training part, as in Preparation. views, temperature, refusal: as in
    ModelCard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    # No ensemble again.
    net: Annotated[ConvNetSpec | LayersSpec | BackboneSpec, Field(discriminator="name")]
    mean: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1, max_length=3)
    std: tuple[Annotated[float, Field(ge=1e-4, le=1)], ...] = Field(min_length=1, max_length=3)
    views: Views
    temperature: float = Field(gt=0, le=1000)
    refusal: RefusalSpec | None = None


class EnsembleSpec(BaseModel):
    """Several nets whose probabilities are averaged."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Literal["ensemble"] = "ensemble"
    members: tuple[MemberSpec, ...] = Field(min_length=2, max_length=100)

    def __str__(self) -> str:
        return f"ensemble of {len(self.members)}, the first a {self.members[0].net}"


NetSpec = Annotated[
    ConvNetSpec | LayersSpec | BackboneSpec | EnsembleSpec, Field(discriminator="name")
]
