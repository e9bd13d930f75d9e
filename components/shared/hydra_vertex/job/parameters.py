"""The parameters of a search space, conditional ones included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .study_spec import ParameterSpec


def walk_parameters(parameters: Sequence[ParameterSpec]) -> Iterator[ParameterSpec]:
    """All parameters, the conditional ones behind their parents."""
    for parameter in parameters:
        yield parameter
        yield from walk_parameters([child.spec for child in parameter.children])
