"""Iterates over the parameters of a search space, conditional parameters included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .study_spec import ParameterSpec


def walk_parameters(parameters: Sequence[ParameterSpec]) -> Iterator[ParameterSpec]:
    """Yield all parameters; conditional parameters follow their parent."""
    for parameter in parameters:
        yield parameter
        yield from walk_parameters([child.spec for child in parameter.children])
