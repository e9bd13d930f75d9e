"""Chooses the GPUs of a launch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def free_devices(pool: Sequence[str], used: Iterable[str]) -> tuple[str, ...]:
    """Return the devices of the pool that no container has. `used` are the labels of containers, with commas."""
    taken = {name for label in used for name in label.split(",")}
    return tuple(name for name in pool if name not in taken)


def split(free: Sequence[str], counts: Sequence[int]) -> tuple[tuple[str, ...], ...] | None:
    """Return the devices of each worker, or None when there are too few for all of them."""
    if sum(counts) > len(free):
        return None
    ends = [sum(counts[: place + 1]) for place in range(len(counts))]
    return tuple(tuple(free[end - count : end]) for end, count in zip(ends, counts, strict=True))
