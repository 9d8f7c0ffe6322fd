"""Trunks that the package transformers builds, by a closed list of its classes.

B batch, C channels, H height, W width, T tokens, D features.
"""

import math
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from eyespot.errors import MissingExtra, ModelError
from eyespot.nets.trunkspec import TransformersSpec

_CLASSES = {
    "resnet": ("ResNetConfig", "ResNetModel"),
    "convnext": ("ConvNextConfig", "ConvNextModel"),
    "convnextv2": ("ConvNextV2Config", "ConvNextV2Model"),
    "mobilenet_v2": ("MobileNetV2Config", "MobileNetV2Model"),
    "vit": ("ViTConfig", "ViTModel"),
    "dinov2": ("Dinov2Config", "Dinov2Model"),
}
_SHOWN = 3  # maps of its inner depths


def config_and_class(spec: TransformersSpec) -> tuple[Any, Any]:
    """The package's own configuration, and its class of models.

    Raises MissingExtra; ModelError where the settings contradict each other.
    """
    try:
        import transformers
    except ModuleNotFoundError as error:
        action = f"the backbone {spec.architecture}"
        raise MissingExtra("transformers", extra="pretrained", action=action) from error
    config, model = (getattr(transformers, name) for name in _CLASSES[spec.architecture])
    settings = {n: list(v) if isinstance(v, tuple) else v for n, v in spec.settings.items()}
    try:
        return config(**settings, output_hidden_states=True), model
    except Exception as error:  # each architecture checks in its own way
        raise ModelError(
            f"the settings of its backbone, a {spec.architecture}, do not do: {error}"
        ) from error


class TransformersTrunk(nn.Module):
    """(B, 3, H, W) -> maps of some depths, and the features (B, D) that its pooling gives."""

    def __init__(self, spec: TransformersSpec) -> None:
        super().__init__()
        self.architecture = spec.architecture
        config, model = config_and_class(spec)
        try:
            self.model = model(config, **_extras(spec))
        except Exception as error:
            raise ModelError(
                f"its backbone, a {spec.architecture}, cannot be built: {error}"
            ) from error
        self.eval()

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        told = self.model(x_BCHW)
        inner = list(told.hidden_states)[1:-1]
        # Spread evenly, the last ones included: the first say little but where edges are.
        places = sorted({round((at + 1) * len(inner) / _SHOWN) - 1 for at in range(_SHOWN)})
        maps = [_as_map(inner[place]) for place in places if place >= 0]
        if getattr(told, "pooler_output", None) is not None:
            return [*maps, told.pooler_output.flatten(1).float()]
        last = told.last_hidden_state  # the token of the class
        return [*maps, last[:, 0].float() if last.ndim == 3 else last.float().mean(dim=(2, 3))]

    def stages(self) -> list[list[nn.Module]]:
        """Its blocks from the last to the first; what stands before all of them is in none."""
        lists = [m for m in self.model.modules() if isinstance(m, nn.ModuleList) and len(m) > 1]
        return [[block] for block in reversed(lists[0])] if lists else [[self.model]]


def checkpoint(path: Path, spec: TransformersSpec) -> dict[str, Tensor]:
    """The weights in a folder, by their names in the trunk. Raises ModelError where some lack.

    Read by the package itself, which knows the names that older versions gave them; from
    safetensors alone, without code from the folder and without a network.
    """
    config, model = config_and_class(spec)
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()  # what is left of the checkpoint, its classifier, is expected
    logging.disable_progress_bar()
    try:
        found, told = model.from_pretrained(
            str(path),
            config=config,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **_extras(spec),
        )
    except Exception as error:
        raise ModelError(f"{path} cannot be read as a {spec.architecture}: {error}") from error
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
    if missing := sorted(told["missing_keys"]):
        raise ModelError(
            f"{path} lacks {missing[0]}, which a {spec.architecture} has; download it again"
        )
    return {f"model.{name}": tensor for name, tensor in found.state_dict().items()}


def _extras(spec: TransformersSpec) -> dict[str, Any]:
    # A pooling layer of a ViT is a layer of its own that few checkpoints have trained.
    return {"add_pooling_layer": False} if spec.architecture == "vit" else {}


def _as_map(hidden: Tensor) -> Tensor:
    """(B, C, H, W) of a map, or of the tokens (B, T, C) of a square, without that of the class."""
    if hidden.ndim == 4:
        return hidden
    side = math.isqrt(hidden.shape[1] - 1)
    tokens = hidden[:, 1:].transpose(1, 2)
    return tokens.reshape(*tokens.shape[:2], side, side)
