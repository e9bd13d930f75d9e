"""Reads `hydra.sweeper.sampler` of hydra-optuna-sweeper: its seed, and the algorithm that it stands for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.job import Algorithm
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json

GROUP = "hydra/sweeper/sampler"
_ALGORITHMS = {
    "GridSampler": Algorithm.GRID_SEARCH,
    "RandomSampler": Algorithm.RANDOM_SEARCH,
    "grid": Algorithm.GRID_SEARCH,
    "random": Algorithm.RANDOM_SEARCH,
}
_APPLIED = frozenset({"_target_", "_partial_", "seed"})
_PLACE = "hydra.sweeper.sampler"


@dataclass(frozen=True, slots=True)
class Sampler:
    """The algorithm and the seed of a study; None without a seed. `notices` name what has no effect."""

    algorithm: Algorithm
    seed: int | None
    notices: tuple[str, ...]


def parse_sampler(sampler: Json, option: str, source: str) -> Sampler:
    """Read the sampler of a file; `option` is the one of its defaults list, or empty. Raises SearchSpaceError."""
    values = {} if sampler is None else sampler
    if not isinstance(values, Mapping):
        raise SearchSpaceError(f"{source}: {_PLACE} is {excerpt(repr(sampler))}; expected a mapping")
    target = values.get("_target_")
    name = str(target).rpartition(".")[2] if target is not None else option
    algorithm = _ALGORITHMS.get(name)
    ignored = [key for key, value in values.items() if key not in _APPLIED and value is not None]
    notices = []
    if name and algorithm is None:
        notices.append(f"{_PLACE}: {excerpt(name)} has no effect, because the tuning service has its own optimiser")
    elif ignored:
        names = ", ".join(map(excerpt, ignored))
        notices.append(f"{_PLACE}: {names} has no effect, because the tuning service has its own optimiser")
    return Sampler(algorithm or Algorithm.BAYESIAN, _seed(values.get("seed"), source), tuple(notices))


def _seed(value: Json, source: str) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise SearchSpaceError(f"{source}: {_PLACE}.seed is {excerpt(repr(value))}; expected a whole number, 0 or more")
    return value
