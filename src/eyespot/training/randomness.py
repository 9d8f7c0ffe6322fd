"""Randomness as a function of where it is used, never of what was drawn before.

Then orders and augmentations are the same after an interruption as without one, and no state of a
generator has to be stored.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream(*place: int | str) -> torch.Generator:
    """A generator for one place, such as (seed, "order", epoch); equal places, equal numbers."""
    digest = hashlib.blake2b(repr(place).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


@contextmanager
def seeded(*place: int | str) -> Iterator[None]:
    """Seeds torch's global generator, for what cannot be given one: a net's first weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(*place).initial_seed())
        yield
