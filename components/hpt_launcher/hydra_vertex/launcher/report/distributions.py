"""Makes Optuna's numeric distributions with the classes of the installed Optuna version.

Optuna 3 replaced four classes by two. The report also supports Optuna 2, because hydra-optuna-sweeper 1.2 and 1.3 need
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def float_distribution(low: float, high: float, *, log: bool) -> BaseDistribution:
    """Return the distribution of all numbers from `low` to `high`, both inclusive."""
    from optuna import distributions

    if hasattr(distributions, "FloatDistribution"):
        return distributions.FloatDistribution(low, high, log=log)
    return _of_optuna_2("LogUniformDistribution" if log else "UniformDistribution", low, high)


def int_distribution(low: int, high: int, *, log: bool) -> BaseDistribution:
    """Return the distribution of the whole numbers from `low` to `high`, both inclusive."""
    from optuna import distributions

    if hasattr(distributions, "IntDistribution"):
        return distributions.IntDistribution(low, high, log=log)
    return _of_optuna_2("IntLogUniformDistribution" if log else "IntUniformDistribution", low, high)


def is_float(distribution: BaseDistribution) -> bool:
    """Whether the distribution's values are floats."""
    return type(distribution).__name__ in {"FloatDistribution", "UniformDistribution", "LogUniformDistribution"}


def _of_optuna_2(name: str, low: float, high: float) -> BaseDistribution:
    from optuna import distributions

    distribution: BaseDistribution = getattr(distributions, name)(low, high)
    return distribution
