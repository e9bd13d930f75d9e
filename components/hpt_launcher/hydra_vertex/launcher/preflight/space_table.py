"""A search space as a table: a row for each parameter, with its type in the app, its values and its condition. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hydra_vertex.job import Categorical, ConditionalParameter, Discrete, DoubleRange, IntegerRange, ParameterSpec

_COLUMNS = ("parameter", "type in the app", "values", "scale", "only with")
Row = tuple[str, ...]


def space_rows(parameters: Sequence[ParameterSpec], types: Mapping[str, str]) -> tuple[Row, list[Row]]:
    """Return the columns and the rows. The column for conditions exists only where a parameter has one."""
    rows = list(_rows(parameters, types, ""))
    if any(row[-1] for row in rows):
        return _COLUMNS, rows
    return _COLUMNS[:-1], [row[:-1] for row in rows]


def _rows(parameters: Sequence[ParameterSpec], types: Mapping[str, str], condition: str) -> Iterator[Row]:
    for spec in parameters:
        scale = spec.scale.value if spec.scale else ""
        yield (spec.id, types.get(spec.id, ""), describe_domain(spec), scale, condition)
        for child in spec.children:
            yield from _rows([child.spec], types, _condition(spec, child))


def _condition(parent: ParameterSpec, child: ConditionalParameter) -> str:
    values = ", ".join(value if isinstance(value, str) else f"{value:g}" for value in child.when)
    return f"{parent.id}={values}"


def describe_domain(parameter: ParameterSpec) -> str:
    """Return `1e-05 … 0.1` for a range, or the list of values."""
    match parameter.domain:
        case DoubleRange(low, high) | IntegerRange(low, high):
            return f"{low} … {high}"
        case Categorical(values):
            return ", ".join(values)
        case Discrete(values):
            return ", ".join(f"{value:g}" for value in values)
