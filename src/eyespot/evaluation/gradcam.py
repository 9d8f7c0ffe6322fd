"""Where in a picture a net found the class that it says: HiResCAM over all of its stages, by hooks.

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) weighs the channels of the last map by their mean
gradient. The last map of a small net is 1 to 4 pixels wide, which says nothing of where. Earlier,
finer maps can be read where each place is weighed by its own gradient: LayerCAM (Jiang et al. 2021,
IEEE Transactions on Image Processing 30, 5875-5888) takes what speaks for the class, HiResCAM
(Draelos and Carin 2020, arXiv 2011.08891) the sum of what speaks for and against it. LayerCAM joins
the maps of all depths by tanh and maximum; here it is their geometric mean: hot is what coarse and
fine maps agree on.

Mean correlations over the 48 images of a report, after `eyespot train DATA --recipe quick`: with
what covering says (occlusion.py), which should be high; with the map of the second likeliest class,
and with the map after the last layer was drawn anew, which should be low (Adebayo et al. 2018,
arXiv 1810.03292).

                              mnist              english-characters  cats and dogs, size 64
    Grad-CAM of the last map  0.00  0.00  0.00   0.15  0.56  0.06    0.32  -0.43  0.06
    LayerCAM, tanh, maximum   0.31  0.19  0.25   0.29  0.82  0.76    0.37   0.19  0.67
    LayerCAM, geometric mean  0.60  0.63  0.65   0.82  0.92  0.89    0.54   0.54  0.68
    HiResCAM, geometric mean  0.52  0.17  0.20   0.76  0.72  0.48    0.52  -0.16  0.24

B batch, C channels, H height, W width; N images, S side, K classes.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from eyespot.errors import ModelError
from eyespot.evaluation.heat import scaled, spread
from eyespot.models.predict import batch_size
from eyespot.models.torch_model import TorchModel
from eyespot.nets.backbone import BackboneNet
from eyespot.nets.convnet import ConvNet
from eyespot.nets.ensemble import Ensemble
from eyespot.nets.layers import ACTIVATIONS
from eyespot.nets.mobilenet import Convolution, MobileNetV1
from eyespot.nets.onnxtrunk import OnnxTrunk
from eyespot.values.arrays import Array
from eyespot.values.model import Model

_AFTER_CONVOLUTION: tuple[type[nn.Module], ...] = (nn.BatchNorm2d, *ACTIVATIONS.values())


class _Tap(NamedTuple):
    """A module whose maps are read. Place i of a map stands for pixel offset + stride * i."""

    module: nn.Module
    offset: float
    stride: float


def heat_maps(model: TorchModel, images: Array, classes: Array | None = None) -> Array:
    """Where each picture looks like its class to the net: float32 (N, S, S) in 0..1.

    images: prepared, uint8 (N, S, S, C). classes: (N,) in 0..K-1; what the model says, if not
    given. The hottest place is 1; a picture without a place that speaks for the class has zeros.
    Of the picture as it is, not of the card's other views; of an ensemble the mean of its members'.
    Raises ModelError for a net without gradients.
    A net without a convolution: gradient times input (Shrikumar et al. 2016, arXiv 1605.01713).
    """
    if not has_gradients(model):
        raise ModelError(
            "the model stands on an ONNX graph, which has no gradients; take --heat-by occlusion"
        )
    said = model.probabilities(images).argmax(axis=1) if classes is None else np.asarray(classes)
    said = said.astype(np.int64)
    members = model.net.members if isinstance(model.net, Ensemble) else [model.net]
    heats = [_heats(net, images, said) for net in members]
    return scaled(np.stack(heats).mean(axis=0))


def has_gradients(model: Model) -> bool:
    """Whether a heat map can be read from the model's net; not from a graph that is not torch's."""
    if not isinstance(model, TorchModel):
        return False
    return not any(isinstance(module, OnnxTrunk) for module in model.net.modules())


def _heats(net: nn.Module, images: Array, said: Array) -> Array:
    size = images.shape[1]
    num = max(1, batch_size(size) // 4)  # a gradient needs the maps of all layers at once
    heats = [
        _of_batch(net, images[start : start + num], said[start : start + num])
        for start in range(0, len(images), num)
    ]
    return np.concatenate(heats) if heats else np.empty((0, size, size), np.float32)


def _of_batch(net: nn.Module, images: Array, said: Array) -> Array:
    """float32 (B, S, S), the hottest place of each picture 1."""
    found, size = [], images.shape[1]
    for tap, map_BCHW, gradient_BCHW in _read(net, images, said):
        small = (map_BCHW * gradient_BCHW).sum(dim=1).relu().cpu().numpy()
        found.append(scaled(spread(small, size, offset=tap.offset, stride=tap.stride)))
    joined = np.prod(found, axis=0, dtype=np.float64) ** (1 / len(found))
    return scaled(joined.astype(np.float32))


def _read(net: nn.Module, images: Array, said: Array) -> list[tuple[_Tap, Tensor, Tensor]]:
    """The maps that say where, and the gradient of the class's logit at each of them."""
    picture, *taps = _taps(net)
    # Even if the caller has turned gradients off.
    with torch.inference_mode(False), torch.enable_grad(), _listening([picture, *taps]) as heard:
        device = next(net.parameters()).device
        x_BHWC = torch.from_numpy(images.copy()).to(device)
        logits_BK = net(x_BHWC.permute(0, 3, 1, 2).float().requires_grad_())
        own = logits_BK.gather(1, torch.from_numpy(said).to(device).reshape(-1, 1)).sum()
        wide = [tap for tap in taps if heard[tap].shape[-1] > 1] or [picture]
        gradients = torch.autograd.grad(own, [heard[tap] for tap in wide])
    maps = [heard[tap].detach() for tap in wide]
    return list(zip(wide, maps, gradients, strict=True))


@contextlib.contextmanager
def _listening(taps: Sequence[_Tap]) -> Iterator[dict[_Tap, Tensor]]:
    """What comes out of each module while the context is open; its hooks go with it."""
    heard: dict[_Tap, Tensor] = {}
    with contextlib.ExitStack() as hooks:
        for tap in taps:

            def keep(module: nn.Module, given: object, output: Tensor, tap: _Tap = tap) -> None:
                heard[tap] = output

            hooks.enter_context(tap.module.register_forward_hook(keep))
        yield heard


def _taps(net: nn.Module) -> list[_Tap]:
    """The normalised picture, then the last map of each size."""
    normalise, body = net.children()
    if isinstance(body, BackboneNet):
        of_body = _mobilenet_taps(body.trunk)
    else:
        of_body = _convnet_taps(body) if isinstance(body, ConvNet) else _layers_taps(body)
    return [_Tap(normalise, 0.0, 1.0), *{tap.stride: tap for tap in of_body}.values()]


def _convnet_taps(net: ConvNet) -> Iterator[_Tap]:
    # What the normalisation gives is made positive in place; where it was negative the gradient
    # is 0, so that either would do.
    tap = _moved(_Tap(net.norm, 0.0, 1.0), net.stem)
    yield tap
    for stage in net.stages:
        tap = _Tap(stage, tap.offset + tap.stride / 2, tap.stride * 2)
        yield tap


def _mobilenet_taps(trunk: nn.Module) -> Iterator[_Tap]:
    """Each of its layers; none of a trunk of another kind, of which the picture alone is read."""
    layers = trunk.layers if isinstance(trunk, MobileNetV1) else ()
    tap = _Tap(trunk, 0.0, 1.0)
    for layer in layers:
        assert isinstance(layer, Convolution)
        # The middle of what is looked at: with uneven padding it lies a pixel further on.
        offset = tap.offset + (tap.stride if layer.uneven else 0.0)
        tap = _Tap(layer, offset, tap.stride * layer.stride)
        yield tap


def _layers_taps(net: nn.Module) -> Iterator[_Tap]:
    """The map of each convolution, behind what normalises and activates it."""
    tap, place = None, _Tap(net, 0.0, 1.0)
    for module in net.children():
        if tap and isinstance(module, _AFTER_CONVOLUTION):
            tap = tap._replace(module=module)
            continue
        if tap:
            yield tap
        place = _moved(place, module)
        tap = place._replace(module=module) if isinstance(module, nn.Conv2d) else None


def _moved(tap: _Tap, module: nn.Module) -> _Tap:
    """Which pixels the places of the next map stand for: the middle of what each is made of."""
    if isinstance(module, nn.ZeroPad2d):
        return tap._replace(offset=tap.offset - tap.stride * module.padding[0])
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return tap
    kernel, step, padding = (
        int(value[0] if isinstance(value, tuple) else value)
        for value in (module.kernel_size, module.stride, module.padding)
    )
    offset = tap.offset + tap.stride * ((kernel - 1) / 2 - padding)
    return tap._replace(offset=offset, stride=tap.stride * step)
