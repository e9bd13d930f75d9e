"""The parameters of a search space, conditional parameters included, and which values they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .study_spec import Categorical, Discrete, Domain, ParameterSpec
from .trial import ParameterValue


def walk_parameters(parameters: Sequence[ParameterSpec]) -> Iterator[ParameterSpec]:
    """Yield all parameters; conditional parameters follow their parent."""
    for parameter in parameters:
        yield parameter
        yield from walk_parameters([child.spec for child in parameter.children])


def contains(domain: Domain, value: ParameterValue) -> bool:
    """Whether a value of another study lies in the domain; a number also between two discrete values."""
    if isinstance(domain, Categorical):
        return value in domain.values
    try:
        number = float(value)
    except ValueError:
        return False
    if isinstance(domain, Discrete):
        return domain.values[0] <= number <= domain.values[-1]
    return domain.min <= number <= domain.max
