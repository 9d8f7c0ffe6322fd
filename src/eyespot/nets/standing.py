"""A net on a backbone that was found, with the backbone's own weights."""

import torch
from torch import Tensor, nn

from eyespot.errors import ModelError
from eyespot.nets.backbone import BackboneNet, build_trunk
from eyespot.nets.build import build_net
from eyespot.nets.finding import find_backbone
from eyespot.nets.mobilenet import depths_of
from eyespot.nets.pretrained import Backbone, fill_trunk
from eyespot.nets.spec import BackboneSpec
from eyespot.nets.trunkspec import MobileNetV1Spec
from eyespot.values.preparation import Fit, Preparation

_MOST_FEATURES = 4096


def prepared_as(backbone: Backbone, *, size: int, fit: Fit) -> Preparation:
    """How pictures are prepared for the backbone; its own normalisation, whatever the size."""
    return Preparation(size=size, channels=3, fit=fit, mean=backbone.mean, std=backbone.std)


def spec_on(
    backbone: Backbone, *, size: int, source: str | None = None, tuned: bool = False
) -> BackboneSpec:
    """The description of a net on this backbone, for square pictures of this size.

    source: by what the weights are found again, for a model file without them. tuned: they are to
    be trained on. Raises ModelError
    where such pictures do not pass through it.
    """
    depths = _depths(backbone, size)
    if depths[-1] > _MOST_FEATURES:
        raise ModelError(
            f"{backbone.path} gives {depths[-1]:,} features, more than {_MOST_FEATURES:,}"
        )
    return BackboneSpec(
        trunk=backbone.trunk,
        source=source or backbone.name,
        digest=backbone.digest,
        depths=depths,
        embedded=source is None,
        tuned=tuned,
        hidden=0,
    )


def _depths(backbone: Backbone, size: int) -> tuple[int, ...]:
    if isinstance(backbone.trunk, MobileNetV1Spec):  # to try it imports a compiler, for 0.3 s
        return depths_of(backbone.trunk)
    with torch.device("meta"), torch.inference_mode():
        trunk = build_trunk(backbone.trunk)
        try:
            found = trunk(torch.empty(1, 3, size, size))
        except Exception as error:  # each architecture fails in its own way
            raise ModelError(
                f"pictures of {size}x{size} do not pass through {backbone.path} ({error}); "
                f"take its own size, --set size={backbone.size}"
            ) from error
    return tuple(one.shape[1] * (4 if one.ndim == 4 else 1) for one in found)


def net_on(
    backbone: Backbone, spec: BackboneSpec, preparation: Preparation, num_classes: int
) -> nn.Module:
    """As `build_net`, with the backbone's weights; those of the head are of chance."""
    net = build_net(spec, preparation, num_classes)
    fill_trunk(body_of(net).trunk, backbone)
    return net


def thaw(net: nn.Module, unfrozen: int) -> None:
    """Lets the head learn, and so many of the trunk's stages; all else stands still."""
    body = body_of(net)
    stages = body.stages()
    if unfrozen and not stages:
        raise ModelError(
            f"the backbone {body.spec.source} is a graph, which cannot be trained; take the recipe "
            "features"
        )
    net.requires_grad_(False)
    body.head.requires_grad_(True)
    for stage in stages[:unfrozen]:
        for module in stage:
            module.requires_grad_(True)


def kept_tensors(net: nn.Module) -> dict[str, Tensor]:
    """The net's tensors that a model file holds: not those of a trunk that it refers to."""
    left = tuple(f"{name}.trunk." for name, _ in _referring(net))
    return {name: t for name, t in net.state_dict().items() if not name.startswith(left)}


def complete(net: nn.Module) -> None:
    """Gives each trunk that is not in the model file its weights, from where they are found.

    Raises ModelError where they are not there any more, or are others.
    """
    for _, body in _referring(net):
        backbone = find_backbone(body.spec.source)
        if backbone.digest != body.spec.digest:
            raise ModelError(
                f"backbone {backbone.path} is not the one that the model was made with: its "
                f"SHA-256 is {backbone.digest[:12]}..., not {body.spec.digest[:12]}...; "
                "get that one again"
            )
        fill_trunk(body.trunk, backbone)


def _referring(net: nn.Module) -> list[tuple[str, BackboneNet]]:
    """The parts of a net whose trunks are not in its model file, with their names."""
    modules = net.named_modules()
    return [(n, m) for n, m in modules if isinstance(m, BackboneNet) and not m.spec.embedded]


def body_of(net: nn.Module) -> BackboneNet:
    """The part of a net, as `build_net` gives it, that stands behind its normalisation."""
    body = list(net.children())[-1]
    assert isinstance(body, BackboneNet), f"{type(body).__name__} stands on no backbone"
    return body
