"""Parameters into Hydra overrides: the groups first, because they decide which keys there are, then the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .arguments import Argument, Flag, Override, Parameter, flag_tokens
from .composition import AppConfig, KnownMode, choices_of, known_mode
from .groups import Choice, check_chosen, parse_choice, resolve_choices, said
from .key_types import key_type
from .keys import Keys, value_override
from .protocol.explanation import ArgumentKind, ExplainedArgument

GROUP_TYPE = "config group"


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
    arguments = [_group_respelled(app, a) if isinstance(a, Parameter) else a for a in arguments]
    choices = [parse_choice(app, a.key, a.text) if isinstance(a, Parameter) else None for a in arguments]
    chosen = [choice for choice in choices if choice is not None]
    by_group = resolve_choices(app, chosen)
    config = app.compose((*app.given, *said(by_group)))
    check_chosen(chosen, choices_of(config))
    pairs = list(zip(arguments, choices, strict=True))
    keys = Keys(app, config, [a for a in arguments if isinstance(a, Parameter) and a.sign])
    explained = tuple(_explain(keys, argument, choice, by_group) for argument, choice in pairs)
    superseded = _superseded(choices)
    return Delivery(
        arguments=explained,
        flags=flag_tokens(arguments),
        overrides=tuple(
            became.override
            for position, (argument, became) in enumerate(zip(arguments, explained, strict=True))
            if became.override and not isinstance(argument, Flag) and position not in superseded
        ),
        choices=said(by_group),
        mode=None if any(_is_of_hydra(argument) for argument in arguments) else known_mode(config),
    )


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


def _explain(
    keys: Keys, argument: Argument, choice: Choice | None, by_group: Mapping[str, str | None]
) -> ExplainedArgument:
    match argument:
        case Flag(tokens=tokens):
            text = " ".join(tokens)
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Override(text):
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Parameter() if choice is None:
            typed, type_ = keys.typed(argument)
            return ExplainedArgument(
                argument.argument, ArgumentKind.VALUE, typed.key, type_.name, value_override(typed, type_)
            )
        case Parameter():
            override = _choice_override(choice, by_group) or ""
            return ExplainedArgument(argument.argument, ArgumentKind.GROUP, choice.group, GROUP_TYPE, override)


def _choice_override(choice: Choice, by_group: Mapping[str, str | None]) -> str | None:
    holds = by_group[choice.group]
    is_known = holds is not None and not holds.startswith("+")
    return choice.override({choice.group: None} if is_known else {})


def _superseded(choices: Sequence[Choice | None]) -> frozenset[int]:
    """Where a group is chosen that is chosen again later: only the last is delivered, for Hydra may refuse two."""
    last = {choice.group: position for position, choice in enumerate(choices) if choice is not None}
    return frozenset(p for p, choice in enumerate(choices) if choice is not None and last[choice.group] != p)
