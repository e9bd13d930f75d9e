"""Parameters into Hydra overrides: the groups first, because they decide which keys there are, then the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from .arguments import Argument, Flag, Override, Parameter, flag_tokens
from .composition import AppConfig, KnownMode, choices_of, known_mode
from .groups import Choice, check_chosen, parse_choice, resolve_choices, said
from .key_types import KeyType, key_type, known_keys
from .literals import is_override
from .nearest import one_of
from .protocol.errors import ArgumentError
from .protocol.explanation import ArgumentKind, ExplainedArgument
from .values import value_text

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
    choices = [parse_choice(app, a.key, a.text) if isinstance(a, Parameter) else None for a in arguments]
    chosen = [choice for choice in choices if choice is not None]
    by_group = resolve_choices(app, chosen)
    config = app.compose((*app.given, *said(by_group)))
    check_chosen(chosen, choices_of(config))
    pairs = list(zip(arguments, choices, strict=True))
    explained = tuple(_explain(app, config, argument, choice, by_group) for argument, choice in pairs)
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


def _explain(
    app: AppConfig,
    config: DictConfig,
    argument: Argument,
    choice: Choice | None,
    by_group: Mapping[str, str | None],
) -> ExplainedArgument:
    match argument:
        case Flag(tokens=tokens):
            text = " ".join(tokens)
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Override(text):
            return ExplainedArgument(text, ArgumentKind.HYDRA, "", "", text)
        case Parameter(key=key) if choice is None:
            type_ = _key_type(app, config, argument)
            return ExplainedArgument(argument.argument, ArgumentKind.VALUE, key, type_.name, _override(argument, type_))
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


def _key_type(app: AppConfig, config: DictConfig, parameter: Parameter) -> KeyType:
    found = key_type(config, parameter.key)
    if found is not None:
        return found
    keys = [key for key in known_keys(config) if not key.startswith("hydra")]
    near = one_of(parameter.key, [*keys, *app.groups()])
    raise ArgumentError(f"{parameter.argument}: the app's config has no key {parameter.key!r}{near}")


def _override(parameter: Parameter, type_: KeyType) -> str:
    try:
        override = f"{parameter.key}={value_text(parameter.text, type_)}"
    except ArgumentError as error:
        key = f"{parameter.key}={parameter.text!r}"
        raise ArgumentError(f"{key}: the key is {_article(type_.name)}; {error}") from error
    if not is_override(override, parameter.key):
        raise ArgumentError(f"{parameter.argument}: Hydra has no way to write the key {parameter.key!r} in an override")
    return override


def _article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
