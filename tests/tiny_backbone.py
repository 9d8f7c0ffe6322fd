"""A tiny backbone of chance in the layout of transformers, written without it."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


def mobilenet_config(multiplier: float = 0.25) -> dict[str, object]:
    return {
        "model_type": "mobilenet_v1",
        "depth_multiplier": multiplier,
        "min_depth": 8,
        "tf_padding": True,
        "hidden_act": "relu6",
        "layer_norm_eps": 0.001,
        "num_channels": 3,
    }


def mobilenet_weights(seed: int = 0, multiplier: float = 0.25) -> dict[str, np.ndarray]:
    """As a checkpoint of a classifier names them."""
    generator = np.random.default_rng(seed)
    weights: dict[str, np.ndarray] = {}

    def add(name: str, channels_out: int, channels_in: int, kernel: int) -> None:
        size = (channels_out, channels_in, kernel, kernel)
        deviation = (2 / (channels_in * kernel**2)) ** 0.5
        place = f"mobilenet_v1.{name}"
        weights[f"{place}.convolution.weight"] = generator.normal(0, deviation, size)
        for part, low, high in (
            ("weight", 0.8, 1.6),
            ("bias", -0.1, 0.4),
            ("running_mean", -0.1, 0.1),
            ("running_var", 0.5, 1.5),
        ):
            weights[f"{place}.normalization.{part}"] = generator.uniform(low, high, channels_out)

    base, width = 32, max(int(32 * multiplier), 8)
    add("conv_stem", width, 3, 3)
    for number, stride in enumerate(STRIDES):
        base *= 2 if stride == 2 or number == 0 else 1
        after = max(int(base * multiplier), 8)
        add(f"layer.{2 * number}", width, 1, 3)
        add(f"layer.{2 * number + 1}", after, width, 1)
        width = after
    weights["classifier.weight"] = generator.normal(size=(7, width))
    return {name: array.astype(np.float32) for name, array in weights.items()}


def make_backbone(folder: Path, *, seed: int = 0, size: int = 32) -> Path:
    """The folder of a MobileNet with 256 features, for pictures of this size."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(mobilenet_config()))
    shape = {"crop_size": {"height": size, "width": size}, "do_normalize": True}
    shape |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(shape))
    save_file(mobilenet_weights(seed), folder / "model.safetensors")
    return folder


def make_photos(folder: Path, num: int) -> Path:
    """So many noisy pictures each of red and of green, which any net tells apart."""
    generator = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green")):
        (folder / name).mkdir(parents=True)
        for number in range(num):
            pixels = generator.integers(0, 120, (40, 48, 3))
            pixels[..., channel] += 120
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder
