"""Converts parameters that choose an option of a config group into Hydra overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.suggestions import quote_for_message, suggest
from hydra_vertex.trial.config.composition import AppConfig
from hydra_vertex.trial.config.literals import string_or_strings
from hydra_vertex.trial.config.quoting import quote

from .arguments import Parameter

_NULL = "null"


@dataclass(frozen=True, slots=True)
class Choice:
    """`group` may include a package (`db/engine@db.main`). None as `option` leaves the group empty.

    `argument` is the original argument; empty when the choice comes from a composed config.
    """

    group: str
    option: str | None
    argument: str = ""

    def override(self, known: Mapping[str, str | None]) -> str | None:
        """Return the override, given the groups in the defaults list (`known`); None when none is needed.

        Hydra refuses `group=null` but accepts `~group`; a group outside the defaults list needs a `+`.
        """
        if self.option is None:
            return f"~{self.group}" if self.group in known else None
        value = self.option if self.option.startswith("[") else quote(self.option)
        return f"{self.group}={value}" if self.group in known else f"+{self.group}={value}"


def parse_choice(app: AppConfig, parameter: Parameter) -> Choice | None:
    """Return the parameter's choice; None when its key is not a config group.

    Raises ArgumentError when the group or the option does not exist.
    """
    key, text = parameter.key, parameter.text
    group = key.partition("@")[0]
    options = app.options(group)
    if not options:
        if "/" in key or "@" in key:
            near = suggest(group, app.groups())
            raise ArgumentError(f"--{key}={quote_for_message(text)}: the app has no config group {group!r}{near}")
        return None
    if text.lstrip().startswith("{"):
        return None  # As in Hydra, a dictionary sets the values under the group's package.
    return Choice(key, _option(app, key, text, options), parameter.argument)


def resolve_choices(app: AppConfig, choices: Sequence[Choice]) -> dict[str, str | None]:
    """Return the override of each group; the last choice of a group takes effect.

    Another choice may add a group to the defaults list, so the defaults list is computed again after each round.
    Raises ArgumentError when Hydra cannot compute the defaults list.
    """
    if not choices:
        return {}
    waiting = {choice.group: choice for choice in choices}
    overrides: dict[str, str | None] = {}
    known = _known(app, overrides)
    while waiting:
        ready = [choice for group, choice in waiting.items() if group in known] or list(waiting.values())
        for choice in ready:
            overrides[choice.group] = choice.override(known)
            del waiting[choice.group]
        known = _known(app, overrides)
    return overrides


def check_chosen(choices: Sequence[Choice], known: Mapping[str, str | None]) -> None:
    """Raise ArgumentError when another argument of the command line prevents the choice of a parameter."""
    for choice in {choice.group: choice for choice in choices}.values():
        _check_chosen(choice, known)


def emitted(overrides: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the overrides that are needed, in their order."""
    return tuple(override for override in overrides.values() if override is not None)


def _known(app: AppConfig, overrides: Mapping[str, str | None]) -> dict[str, str | None]:
    try:
        return app.choices((*app.given, *emitted(overrides)))
    except ArgumentError:
        # The user's own overrides may need a choice that is not resolved yet.
        return app.choices(emitted(overrides))


def _option(app: AppConfig, key: str, text: str, options: tuple[str, ...]) -> str | None:
    option = text.strip()
    if option == _NULL and _NULL not in options:
        return None
    if option in options or ("/" in option and _is_nested(app, key, option)):
        return option
    if option.startswith("[") and string_or_strings(option):
        return option
    if not app.knows_every_option and not option.startswith("[") and app.adds_to_search_path():
        return option  # The options are not known here; the composition refuses an invalid one.
    raise ArgumentError(
        f"--{key}={quote_for_message(text)}: not an option of this config group{suggest(option, options)}"
    )


def _is_nested(app: AppConfig, key: str, option: str) -> bool:
    folder, _, name = option.rpartition("/")
    return name in app.options(f"{key.partition('@')[0]}/{folder}")


def _check_chosen(choice: Choice, known: Mapping[str, str | None]) -> None:
    chosen = known.get(choice.group)
    is_list = choice.option is not None and choice.option.startswith("[")
    if chosen != choice.option and not is_list:
        raise ArgumentError(
            f"--{choice.group}={choice.option or _NULL}: Hydra still chooses {chosen or _NULL!r}; remove the other "
            f"override of {choice.group!r} from the app's arguments"
        )
