"""Where the numbers are computed: device, precision, threads. Never part of a recipe."""

import os
from dataclasses import dataclass

import torch

from eyespot.training.peers import Peers


@dataclass(frozen=True)
class World:
    """One process's place: where tensors lie and in which precision products are made.

    peers: the processes that train with this one; None where it trains alone.
    """

    device: torch.device
    dtype: torch.dtype
    threads: int
    peers: Peers | None = None

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks; of several, one does."""
        return self.peers is None or self.peers.leads

    @property
    def precision(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def autocast(self) -> torch.autocast:
        """Inside it, products are made in this precision."""
        lower = self.dtype is not torch.float32
        return torch.autocast(self.device.type, self.dtype, enabled=lower)


def find_world(peers: Peers | None = None) -> World:
    """The best of this machine: a CUDA device if there is one, else all the cores we may use."""
    torch.set_num_threads(_num_threads())
    if torch.cuda.is_available():
        return World(torch.device("cuda"), torch.bfloat16, torch.get_num_threads(), peers)
    dtype = torch.bfloat16 if fast_bfloat16() else torch.float32
    return World(torch.device("cpu"), dtype, torch.get_num_threads(), peers)


def _num_threads() -> int:
    """One for each core that is ours, or as many as OMP_NUM_THREADS leaves us.

    Ray says so where several processes share a machine.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores or 1, int(wanted)) if wanted.isdecimal() and int(wanted) else cores or 1


def fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AMX or AVX512-BF16).

    Elsewhere it is emulated and slower than float32. Measured on two cores, 32 -> 64 channels of
    3x3, forward and backward, batch 512: float32 185 ms, bfloat16 with AVX512-BF16 76 ms.
    """
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
