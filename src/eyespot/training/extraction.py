"""What a backbone gives for pictures, at the full speed of the machine.

B batch, S side, F numbers of a picture.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from eyespot.errors import ModelError
from eyespot.nets.backbone import row
from eyespot.nets.features import features
from eyespot.nets.views import views_of
from eyespot.training.world import World, fast_bfloat16
from eyespot.values.arrays import Array
from eyespot.values.model import Views

# Maps of 16 pictures stay in the caches: of a MobileNet at 224 pixels, one core of an EPYC does
# 184 a second, with 64 at a time 109.
BATCH = 16
_TRIED = 8  # pictures, to measure by
_GAIN = 1.15  # bfloat16 has to be that much faster, so that chance does not choose
_ALIKE = 0.99  # cosine of the features in both precisions


@dataclass(frozen=True, kw_only=True, eq=False)
class Extractor:
    """Gives rows of features; may be called by several threads at once.

    net: as `build_net` gives it, with a backbone. precision: of the products.
    """

    net: nn.Module
    views: Views
    device: torch.device
    precision: torch.dtype

    @torch.inference_mode()
    def __call__(self, images: Array) -> Array:
        """float16 (B, F) of prepared pictures, uint8 (B, S, S, 3).

        Raises ModelError where they are no finite numbers.
        """
        x_BCHW = (
            torch.from_numpy(np.ascontiguousarray(images))
            .to(self.device)
            .permute(0, 3, 1, 2)
            .float()
        )
        lower = self.precision is not torch.float32
        first, lasts = None, []
        with torch.autocast(self.device.type, self.precision, enabled=lower):
            for view in views_of(x_BCHW, self.views):
                found = [one.float() for one in features(self.net, view)[1]]
                first = found if first is None else first
                lasts.append(found[-1])
        assert first is not None
        rows = row(first, torch.stack(lasts).mean(dim=0))
        if not bool(rows.isfinite().all()):
            raise ModelError(
                "the backbone gives numbers that are not finite; get it again, or take another one"
            )
        most = torch.finfo(torch.float16).max
        return rows.clamp(-most, most).half().cpu().numpy()


def fastest(
    net: nn.Module, views: Views, world: World, *, size: int, channels: int = 3
) -> Extractor:
    """The faster of float32 and bfloat16 where both give the same features, as measured here.

    size: of the pictures, in pixels. A device that is no processor takes what the world says.
    """
    net = net.eval().to(world.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    plain = Extractor(net=net, views=views, device=world.device, precision=torch.float32)
    if world.device.type != "cpu":
        return Extractor(net=net, views=views, device=world.device, precision=world.dtype)
    if not fast_bfloat16():
        return plain
    quick = replace(plain, precision=torch.bfloat16)
    noise = np.random.default_rng(0).integers(
        0, 256, (_TRIED, size // 8 + 1, size // 8 + 1, channels)
    )
    images = noise.astype(np.uint8).repeat(8, axis=1).repeat(8, axis=2)[:, :size, :size]
    sure, per_picture = _timed(plain, images)
    rough, quicker = _timed(quick, images)
    alike = F.cosine_similarity(_tensor(sure), _tensor(rough)).min().item()
    return quick if quicker * _GAIN < per_picture and alike > _ALIKE else plain


def _timed(extractor: Extractor, images: Array) -> tuple[Array, float]:
    """Its rows, and the seconds for a picture: the best of three."""
    rows, seconds = extractor(images), []
    for _ in range(3):
        started = time.perf_counter()
        extractor(images)
        seconds.append((time.perf_counter() - started) / len(images))
    return rows, min(seconds)


def _tensor(rows: Array) -> torch.Tensor:
    return torch.from_numpy(np.asarray(rows, np.float32))
