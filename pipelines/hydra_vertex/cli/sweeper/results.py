"""The result of a sweep in the form of hydra-optuna-sweeper's `optimization_results.yaml`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hydra.core.override_parser.types import QuotedString

from hydra_vertex.protocol.json import Json

from .request import parse_overrides, plain_key

NAME = "vertex"


def optimization_results(outcome: Mapping[str, Json]) -> dict[str, Json]:
    """Return `name`, `best_params` and `best_value`, from the JSON result of `hydra-vertex run`.

    The params have the types that the app got.
    """
    return {"name": NAME, "best_params": _params(outcome), "best_value": outcome.get("value")}


def pareto_results(outcome: Mapping[str, Json]) -> dict[str, Json]:
    """Return `name` and `solutions`, the Pareto set, from the JSON result of `hydra-vertex best`.

    A solution has `params`, with the types that the app got, and `values`, one for each direction. The first one is
    the selected trial.
    """
    members = outcome.get("pareto")
    solutions: list[Json] = [
        {"params": _params(member), "values": _values(member)}
        for member in (members if isinstance(members, list) else [])
        if isinstance(member, Mapping)
    ]
    return {"name": NAME, "solutions": solutions}


def log_lines(results: Mapping[str, Json]) -> Iterator[str]:
    """Yield the lines about the result that hydra-optuna-sweeper logs."""
    solutions = results.get("solutions")
    if not isinstance(solutions, list):
        yield f"Best parameters: {results['best_params']}"
        yield f"Best value: {results['best_value']}"
        return
    yield f"Number of Pareto solutions: {len(solutions)}"
    for solution in solutions:
        if isinstance(solution, Mapping):
            yield f"    Values: {solution['values']}, Params: {solution['params']}"


def _params(trial: Mapping[str, Json]) -> dict[str, Json]:
    given = trial.get("overrides")
    overrides = parse_overrides([str(text) for text in given] if isinstance(given, list) else [])
    return {plain_key(override.get_key_element()): _plain(override.value()) for override in overrides}


def _values(member: Mapping[str, Json]) -> list[Json]:
    values = member.get("values")
    return list(values.values()) if isinstance(values, Mapping) else []


def _plain(value: object) -> Json:
    match value:
        case QuotedString():
            return value.text
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)
