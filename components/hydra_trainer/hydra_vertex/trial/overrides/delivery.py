"""Parameters into Hydra overrides: the groups first, because they decide which keys there are, then the values."""

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
_Meaning: TypeAlias = Flag | Override | Choice | TypedParameter


@dataclass(frozen=True, slots=True)
class Delivery:
    """The app's arguments as Hydra takes them. `flags` stand in front; `choices` are the overrides of groups.

    `mode` is what Hydra would compose once more to find out; None where a parameter may change it.
    """

    arguments: tuple[ExplainedArgument, ...]
    flags: tuple[str, ...]
    overrides: tuple[str, ...]
    choices: tuple[str, ...]
    mode: KnownMode | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """What stands behind the program's name."""
        return (*self.flags, *self.overrides)


def deliver(app: AppConfig, arguments: Sequence[Argument]) -> Delivery:
    """Type and quote every parameter by the app's config. Raises ArgumentError naming the key and what is allowed."""
    read = [_choice_or(app, argument) for argument in arguments]
    choices = [choice for choice in read if isinstance(choice, Choice)]
    by_group = resolve_choices(app, choices)
    config = app.compose((*app.given, *emitted(by_group)))
    check_chosen(choices, choices_of(config))
    keys = Keys(app, config, [argument for argument in read if isinstance(argument, Parameter) and argument.sign])
    meant = [keys.typed(argument) if isinstance(argument, Parameter) else argument for argument in read]
    explained = tuple(_explain(meaning, by_group) for meaning in meant)
    overrides = tuple(_delivered(meant, explained, choices))
    if any(isinstance(meaning, TypedParameter) and meaning.needs_proof for meaning in meant):
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
    """The parameter under the spelling of the one group that it means, unless it means a group or a key as it is."""
    group, at, package = parameter.key.partition("@")
    if not {"-", "_"} & set(group) or "." in group or app.options(group):
        return parameter
    like = app.groups_like(group)
    if len(like) != 1 or key_type(app.compose(app.given), parameter.key) is not None:
        return parameter
    return replace(parameter, key=f"{like[0]}{at}{package}")


def _explain(meaning: _Meaning, by_group: Mapping[str, str | None]) -> ExplainedArgument:
    match meaning:
        case Flag(tokens=tokens):
            text = " ".join(tokens)
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Override(text):
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Choice(group, _, argument):
            override = _choice_override(meaning, by_group) or ""
            return ExplainedArgument(argument, ArgumentKind.GROUP, group, GROUP_TYPE, override)
        case TypedParameter(parameter, type_):
            return ExplainedArgument(
                parameter.argument, ArgumentKind.VALUE, parameter.key, type_.name, meaning.override
            )


def _choice_override(choice: Choice, by_group: Mapping[str, str | None]) -> str | None:
    holds = by_group[choice.group]
    is_known = holds is not None and not holds.startswith("+")
    return choice.override({choice.group: None} if is_known else {})


def _delivered(
    meant: Sequence[_Meaning], explained: Sequence[ExplainedArgument], choices: Sequence[Choice]
) -> Iterator[str]:
    """The overrides in their order. Of a group that is chosen again only the last, for Hydra may refuse two."""
    last = {choice.group: choice for choice in choices}
    for meaning, became in zip(meant, explained, strict=True):
        is_superseded = isinstance(meaning, Choice) and last[meaning.group] is not meaning
        if became.override and not isinstance(meaning, Flag) and not is_superseded:
            yield became.override
