"""A pretrained backbone as it lies on a disk: a folder in the layout of transformers, or ONNX.

Nothing in it is executed: config.json gives numbers, weights come from safetensors alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from eyespot.errors import ModelError, did_you_mean
from eyespot.nets.trunkspec import SETTINGS, MobileNetV1Spec, TransformersSpec, TrunkSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

CONFIG, WEIGHTS, PREPROCESSOR = "config.json", "model.safetensors", "preprocessor_config.json"
FILES = (CONFIG, WEIGHTS, PREPROCESSOR)
_MOST_JSON = 8 * 2**20
_MOST_WEIGHTS = 4 * 2**30
_MOST_SIDE, _LEAST_SIDE = 512, 32
_SIDE = 224  # of pictures, where nothing says it


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A backbone that was found. path: its folder or file. digest: SHA-256 of what it is made of.

    size, mean, std: of the pictures that it was trained on, as in Preparation.
    """

    path: Path
    trunk: TrunkSpec
    digest: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def name(self) -> str:
        return self.path.resolve().name


def read_backbone(path: Path) -> Backbone:
    """The backbone in a folder or an ONNX file; its weights are hashed and not kept.

    Raises ModelError, with the reason, for what is none or cannot be used safely.
    """
    if path.suffix.lower() == ".onnx":
        return _onnx_backbone(path)
    config = _json(path, CONFIG)
    _check_weights(path)
    trunk = _trunk(path, config)
    shape = _json(path, PREPROCESSOR)
    digest = hashlib.sha256(trunk.model_dump_json().encode())
    try:
        with open(path / WEIGHTS, "rb") as file:
            while block := file.read(2**22):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"{path / WEIGHTS} cannot be read: {error.strerror}") from error
    mean, std = _normalisation(path, shape)
    return Backbone(
        path=path,
        trunk=trunk,
        digest=digest.hexdigest(),
        size=_side(shape),
        mean=mean,
        std=std,
    )


def _onnx_backbone(path: Path) -> Backbone:
    """How its pictures are normalised says a file beside it, as for a folder."""
    from eyespot.nets.onnxtrunk import read_onnx

    shape = _json(path.parent, PREPROCESSOR)
    mean, std = _normalisation(path.parent, shape)
    trunk, digest = read_onnx(path, _side(shape))
    return Backbone(path=path, trunk=trunk, digest=digest, size=trunk.size, mean=mean, std=std)


def fill_trunk(trunk: "nn.Module", backbone: Backbone) -> None:
    """Gives a trunk the backbone's weights. Raises ModelError where they are not its own."""
    import torch

    weights = trunk_weights(backbone)
    own = trunk.state_dict()
    for name, tensor in own.items():
        found = weights.get(name)
        if found is None or found.shape != tensor.shape:
            what = "nothing" if found is None else f"of shape {tuple(found.shape)}"
            raise ModelError(
                f"{backbone.path / WEIGHTS} does not fit its {CONFIG}: '{name}' is {what} where "
                f"{tuple(tensor.shape)} is due; download it again"
            )
        if found.is_floating_point() and not bool(torch.isfinite(found).all()):
            raise ModelError(
                f"{backbone.path / WEIGHTS}: '{name}' holds numbers that are not finite; "
                "download it again"
            )
    trunk.load_state_dict({name: weights[name] for name in own})


def trunk_weights(backbone: Backbone) -> "Mapping[str, Tensor]":
    """The weights by the names that they have in the trunk. Raises ModelError."""
    if backbone.path.suffix.lower() == ".onnx":
        from eyespot.nets.onnxtrunk import graph_tensor

        return {"graph": graph_tensor(backbone.path)}
    if isinstance(backbone.trunk, MobileNetV1Spec):
        from eyespot.nets.mobilenet import from_transformers

        try:
            return from_transformers(_tensors(backbone.path), backbone.trunk.epsilon)
        except KeyError as error:
            raise ModelError(
                f"{backbone.path / WEIGHTS} lacks {error}, which a mobilenet_v1 has; "
                "download it again"
            ) from error
    assert isinstance(backbone.trunk, TransformersSpec)
    from eyespot.nets.transformed import checkpoint

    return checkpoint(backbone.path, backbone.trunk)


def _tensors(path: Path) -> "Mapping[str, Tensor]":
    from safetensors.torch import load_file

    try:
        found = dict(load_file(path / WEIGHTS))
    except Exception as error:  # the library raises its own, undocumented kinds
        raise ModelError(f"{path / WEIGHTS} is damaged ({error}); download it again") from error
    for name, tensor in found.items():
        if not tensor.is_floating_point() and not name.endswith("num_batches_tracked"):
            raise ModelError(
                f"{path / WEIGHTS}: '{name}' holds {str(tensor.dtype).removeprefix('torch.')}, as "
                "in a quantised net; take the weights in floating point"
            )
    return found


def _check_weights(path: Path) -> None:
    """Raises ModelError unless the weights are one safetensors file."""
    weights = path / WEIGHTS
    if weights.is_file():
        if weights.stat().st_size > _MOST_WEIGHTS:
            raise ModelError(f"{weights} is too large for a backbone on an ordinary computer")
        return
    pickles = sorted(p.name for p in path.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".ckpt"))
    if pickles:
        raise ModelError(
            f"{path} holds its weights as {pickles[0]}, a pickle, which eyespot does not open "
            f"because it can run code; get the same backbone with a {WEIGHTS}"
        )
    if (path / f"{WEIGHTS}.index.json").exists():
        raise ModelError(
            f"{path} holds its weights in several files, as very large nets do; take a smaller one"
        )
    raise ModelError(f"{path} holds no {WEIGHTS}; download the whole backbone")


def _json(path: Path, name: str) -> Mapping[str, Any]:
    """One of its JSON files. Raises ModelError."""
    file = path / name
    if not file.is_file():
        what = {CONFIG: "which net it is", PREPROCESSOR: "how its pictures are normalised"}[name]
        raise ModelError(f"{path} holds no {name}, which says {what}; download the whole backbone")
    try:
        if file.stat().st_size > _MOST_JSON:
            raise ModelError(
                f"{file} is too large to be a backbone's ({file.stat().st_size:,} bytes)"
            )
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{file} is no table of settings")
    return found


def _trunk(path: Path, config: Mapping[str, Any]) -> TrunkSpec:
    """Which net it is, from its config.json. Raises ModelError for one that is not known."""
    kind = config.get("model_type")
    known = ["mobilenet_v1", *SETTINGS]
    if kind not in known:
        hint = did_you_mean(kind, known) if isinstance(kind, str) else ""
        raise ModelError(
            f"{path / CONFIG}: model_type '{str(kind):.60}' is not one of "
            f"{', '.join(known)}{hint}; take one of these, or export yours to ONNX"
        )
    if config.get("num_channels", 3) != 3:
        raise ModelError(
            f"{path / CONFIG}: its pictures have {config['num_channels']!r} channels, not 3"
        )
    try:
        if kind == "mobilenet_v1":
            return _mobilenet(path, config)
        settings = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in config.items()
            if name in SETTINGS[kind] and value is not None
        }
        return TransformersSpec(architecture=kind, settings=settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:2])).removeprefix("settings.")
        raise ModelError(
            f"{path / CONFIG}: its '{_SAID_AS.get(where, where)}' does not do: {first['msg']}; "
            "download it again"
        ) from error


_SAID_AS = {  # of MobileNetV1Spec, in a config.json
    "multiplier": "depth_multiplier",
    "least_width": "min_depth",
    "tensorflow_padding": "tf_padding",
    "epsilon": "layer_norm_eps",
}


def _mobilenet(path: Path, config: Mapping[str, Any]) -> MobileNetV1Spec:
    if config.get("hidden_act", "relu6") != "relu6":
        raise ModelError(f"{path / CONFIG}: hidden_act {config['hidden_act']!r} is not 'relu6'")
    return MobileNetV1Spec(
        multiplier=_number(config.get("depth_multiplier", 1.0)),
        least_width=config.get("min_depth", 8),
        tensorflow_padding=config.get("tf_padding", True),
        epsilon=_number(config.get("layer_norm_eps", 0.001)),
    )


def _number(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _normalisation(
    path: Path, shape: Mapping[str, Any]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel, in units of full brightness. Raises ModelError."""
    if not shape.get("do_normalize", True):
        return (0.0,) * 3, (1.0,) * 3
    found = []
    for name, low, high in (("image_mean", 0.0, 1.0), ("image_std", 1e-4, 1.0)):
        values = shape.get(name)
        values = list(map(_number, values)) if isinstance(values, list) else values
        if (
            not isinstance(values, list)
            or len(values) != 3
            or not all(isinstance(v, float) and low <= v <= high for v in values)
        ):
            raise ModelError(
                f"{path / PREPROCESSOR}: {name} {values!r:.80} is not three numbers from "
                f"{low:g} to {high:g}"
            )
        found.append(tuple(values))
    return found[0], found[1]


def _side(shape: Mapping[str, Any]) -> int:
    """Of the square that the backbone was trained on, in pixels."""
    for name in ("crop_size", "size"):
        value = shape.get(name)
        if isinstance(value, dict):
            value = value.get("height", value.get("shortest_edge"))
        if type(value) is int and _LEAST_SIDE <= value <= _MOST_SIDE:
            return value
    return _SIDE
