"""Converts parameters into Hydra overrides: first the config groups, which determine the keys, then the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hydra_vertex.protocol.explanation import ArgumentKind, ExplainedArgument
from hydra_vertex.trial.config.composition import AppConfig, KnownMode, choices_of, known_mode
from hydra_vertex.trial.config.key_types import key_type

from .arguments import Argument, Flag, Override, Parameter, flag_tokens
from .groups import Choice, check_chosen, emitted, parse_choice, resolve_choices
from .keys import Keys, TypedParameter

GROUP_TYPE = "config group"
_Resolved: TypeAlias = Flag | Override | Choice | TypedParameter


@dataclass(frozen=True, slots=True)
class Delivery:
    """The app's arguments for Hydra. `flags` precede `overrides`; `choices` are the overrides of config groups.

    `mode` saves Hydra a composition that only reads the mode; None when a parameter may change it.
    """

    arguments: tuple[ExplainedArgument, ...]
    flags: tuple[str, ...]
    overrides: tuple[str, ...]
    choices: tuple[str, ...]
    mode: KnownMode | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments after the program's name."""
        return (*self.flags, *self.overrides)


def deliver(app: AppConfig, arguments: Sequence[Argument]) -> Delivery:
    """Type and quote every parameter by the app's config. Raises ArgumentError naming key and allowed values."""
    read = [_choice_or(app, argument) for argument in arguments]
    choices = [choice for choice in read if isinstance(choice, Choice)]
    by_group = resolve_choices(app, choices)
    config = app.compose((*app.given, *emitted(by_group)))
    check_chosen(choices, choices_of(config))
    keys = Keys(app, config, [argument for argument in read if isinstance(argument, Parameter) and argument.sign])
    resolved = [keys.typed(argument) if isinstance(argument, Parameter) else argument for argument in read]
    explained = tuple(_explain(argument, by_group) for argument in resolved)
    overrides = tuple(_delivered(resolved, explained, choices))
    if any(isinstance(argument, TypedParameter) and argument.needs_composition for argument in resolved):
        app.compose(overrides)
    return Delivery(
        arguments=explained,
        flags=flag_tokens(arguments),
        overrides=overrides,
        choices=emitted(by_group),
        mode=None if any(_is_of_hydra(argument) for argument in arguments) else known_mode(config),
    )


def _choice_or(app: AppConfig, argument: Argument) -> Argument | Choice:
    if not isinstance(argument, Parameter):
        return argument
    parameter = _group_respelled(app, argument)
    return parse_choice(app, parameter) or parameter


def _is_of_hydra(argument: Argument) -> bool:
    return isinstance(argument, Parameter) and argument.key.startswith("hydra")


def _group_respelled(app: AppConfig, parameter: Parameter) -> Parameter:
    """Use the spelling of the one group that differs only in `-` and `_`, unless the key itself is a group or a key."""
    group, at, package = parameter.key.partition("@")
    if not {"-", "_"} & set(group) or "." in group or app.options(group):
        return parameter
    like = app.groups_like(group)
    if len(like) != 1 or key_type(app.compose(app.given), parameter.key) is not None:
        return parameter
    return replace(parameter, key=f"{like[0]}{at}{package}")


def _explain(argument: _Resolved, by_group: Mapping[str, str | None]) -> ExplainedArgument:
    match argument:
        case Flag(tokens=tokens):
            text = " ".join(tokens)
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Override(text):
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Choice(group, _, text):
            override = _choice_override(argument, by_group) or ""
            return ExplainedArgument(text, ArgumentKind.GROUP, group, GROUP_TYPE, override)
        case TypedParameter(parameter):
            return ExplainedArgument(
                parameter.argument, ArgumentKind.VALUE, parameter.key, argument.type_name, argument.override
            )


def _choice_override(choice: Choice, by_group: Mapping[str, str | None]) -> str | None:
    holds = by_group[choice.group]
    is_known = holds is not None and not holds.startswith("+")
    return choice.override({choice.group: None} if is_known else {})


def _delivered(
    resolved: Sequence[_Resolved], explained: Sequence[ExplainedArgument], choices: Sequence[Choice]
) -> Iterator[str]:
    """Yield the overrides in their order.

    Of several choices of a group, and of several parameters that add the same key, only the last: Hydra may refuse two.
    """
    last: dict[str, _Resolved] = {choice.group: choice for choice in choices}
    last |= {f"+{a.parameter.key}": a for a in resolved if isinstance(a, TypedParameter) and a.parameter.sign == "+"}
    for argument, explanation in zip(resolved, explained, strict=True):
        is_superseded = last.get(_once(argument), argument) is not argument
        if explanation.override and not isinstance(argument, Flag) and not is_superseded:
            yield explanation.override


def _once(argument: _Resolved) -> str:
    """Return a name that is the same for arguments of which Hydra accepts only one; empty for any other argument."""
    match argument:
        case Choice(group):
            return group
        case TypedParameter(Parameter(key=key, sign="+")):
            return f"+{key}"
        case _:
            return ""
