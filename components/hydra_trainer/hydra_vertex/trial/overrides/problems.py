"""Finds every refused argument of a command line, where a delivery ends with the first one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra_vertex.protocol.dialogue import Problem
from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.trial.config.composition import AppConfig

from .arguments import Argument, Parameter
from .delivery import deliver
from .keys import UnknownKeyError


def problems_of(app: AppConfig, arguments: Sequence[Argument], error: ArgumentError) -> tuple[Problem, ...]:
    """Return the problem of each parameter that is refused without the others.

    `error` is the refusal of all arguments; it is the only problem when no parameter is refused by itself.
    """
    found = tuple(_problems(app, arguments))
    return found or (Problem("", str(error)),)


def _problems(app: AppConfig, arguments: Sequence[Argument]) -> Iterator[Problem]:
    """Yield the problems: first those of group choices and added keys, with which the others are then delivered."""
    parameters = [argument for argument in arguments if isinstance(argument, Parameter)]
    kept: list[Argument] = [argument for argument in arguments if not isinstance(argument, Parameter)]
    if _refusal(app, kept) is not None:
        return
    structural = [parameter for parameter in parameters if _is_structural(app, parameter)]
    for parameter in structural:
        if error := _refusal(app, [*kept, parameter]):
            yield _problem(parameter, error)
        else:
            kept.append(parameter)
    for parameter in parameters:
        if parameter not in structural and (error := _refusal(app, [*kept, parameter])):
            yield _problem(parameter, error)


def _problem(parameter: Parameter, error: ArgumentError) -> Problem:
    return Problem(parameter.argument, str(error), isinstance(error, UnknownKeyError))


def _refusal(app: AppConfig, arguments: Sequence[Argument]) -> ArgumentError | None:
    try:
        deliver(app, arguments)
    except ArgumentError as error:
        return error
    return None


def _is_structural(app: AppConfig, parameter: Parameter) -> bool:
    group = parameter.key.partition("@")[0]
    return bool(parameter.sign) or group != parameter.key or "/" in group or bool(app.options(group))
