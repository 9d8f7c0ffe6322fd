"""A pretrained trunk's description, which the model file keeps. Known without torch.

It may come from a stranger's file: every name in it is one of a closed list, every number has a
bound, and no name is ever looked up as a piece of code.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Word = Literal[
    "basic", "bottleneck", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "relu6", "silu", "swish"
]
Count = Annotated[int, Field(ge=0, le=2**15)]
Number = Annotated[float, Field(ge=-1000, le=1000)]
Setting = bool | Count | Number | Word | Annotated[tuple[Count, ...], Field(max_length=64)]

_CONVNEXT = frozenset(
    "num_channels patch_size num_stages hidden_sizes depths hidden_act layer_norm_eps image_size "
    "drop_path_rate".split()
)
_VIT = frozenset(
    "hidden_size num_hidden_layers num_attention_heads hidden_act layer_norm_eps image_size "
    "patch_size num_channels qkv_bias hidden_dropout_prob attention_probs_dropout_prob".split()
)
# The architectures that transformers builds for us, and which settings of each are kept. All else
# of a config.json is for other tasks, or is a name of code.
SETTINGS: Mapping[str, frozenset[str]] = {
    "resnet": frozenset(
        "num_channels embedding_size hidden_sizes depths layer_type hidden_act "
        "downsample_in_first_stage downsample_in_bottleneck".split()
    ),
    "convnext": _CONVNEXT | {"layer_scale_init_value"},
    "convnextv2": _CONVNEXT,
    "mobilenet_v2": frozenset(
        "num_channels image_size depth_multiplier depth_divisible_by min_depth expand_ratio "
        "output_stride first_layer_is_expansion finegrained_output hidden_act tf_padding "
        "layer_norm_eps".split()
    ),
    "vit": _VIT | {"intermediate_size"},
    "dinov2": _VIT | {"mlp_ratio", "layerscale_value", "use_swiglu_ffn", "drop_path_rate"},
}


STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of the blocks of a MobileNet v1


class MobileNetV1Spec(BaseModel):
    """A MobileNet of the first version (Howard et al. 2017, arXiv 1704.04861).

    multiplier: of all widths; least_width: of any layer. tensorflow_padding: a layer that halves
    an even map pads it at the right and at the bottom alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    architecture: Literal["mobilenet_v1"] = "mobilenet_v1"
    multiplier: float = Field(gt=0, le=4)
    least_width: int = Field(ge=1, le=1024)
    tensorflow_padding: bool
    epsilon: float = Field(gt=0, le=1)

    @property
    def widths(self) -> list[int]:
        """Channels of the stem and of each block."""
        found, base = [], 32
        for number, stride in enumerate((1, *STRIDES)):
            base *= 2 if stride == 2 or number == 1 else 1
            found.append(max(int(base * self.multiplier), self.least_width))
        return found


class TransformersSpec(BaseModel):
    """A trunk that the package transformers builds, by the settings in its config.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    architecture: Literal["resnet", "convnext", "convnextv2", "mobilenet_v2", "vit", "dinov2"]
    settings: dict[str, Setting]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := sorted(self.settings.keys() - SETTINGS[self.architecture]):
            raise ValueError(f"{self.architecture} has no setting '{unknown[0]:.40}'")
        return self


class OnnxSpec(BaseModel):
    """An ONNX graph that gives features, kept as it is.

    num_bytes: its length. size: of the square pictures that it takes, in pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    architecture: Literal["onnx"] = "onnx"
    num_bytes: int = Field(ge=1, le=2**31)
    num_features: int = Field(ge=1, le=2**16)
    size: int = Field(ge=4, le=4096)


TrunkSpec = Annotated[
    MobileNetV1Spec | TransformersSpec | OnnxSpec, Field(discriminator="architecture")
]
