"""Where the numbers are computed: device, precision, threads. Never part of a recipe."""

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class World:
    """One process's place: where tensors lie and in which precision products are made."""

    device: torch.device
    dtype: torch.dtype
    threads: int

    @property
    def precision(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def autocast(self) -> torch.autocast:
        """Inside it, products are made in this precision."""
        lower = self.dtype is not torch.float32
        return torch.autocast(self.device.type, self.dtype, enabled=lower)


def find_world() -> World:
    """The best of this machine: a CUDA device if there is one, else all the cores we may use."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(threads or 1)
    if torch.cuda.is_available():
        return World(torch.device("cuda"), torch.bfloat16, torch.get_num_threads())
    dtype = torch.bfloat16 if fast_bfloat16() else torch.float32
    return World(torch.device("cpu"), dtype, torch.get_num_threads())


def fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AMX or AVX512-BF16).

    Elsewhere it is emulated and slower than float32. Measured on two cores, 32 -> 64 channels of
    3x3, forward and backward, batch 512: float32 185 ms, bfloat16 with AVX512-BF16 76 ms.
    """
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
