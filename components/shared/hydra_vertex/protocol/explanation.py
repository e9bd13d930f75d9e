"""What `hydra-trial --explain` finds out about an app without running it, as the document that a launcher reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from .json import Json, JsonObject

EXPERIMENT_GROUP = "experiment"
"""The config group of experiment files. Its choice stands for values that a later experiment file must hold itself."""


class ArgumentKind(str, Enum):
    """What an argument was taken for."""

    VALUE = "value"
    """A parameter that sets a key of the config."""
    GROUP = "group"
    """A parameter that chooses an option of a config group."""
    HYDRA = "hydra"
    """An override or a flag that Hydra understands as it stands."""


@dataclass(frozen=True, slots=True)
class ExplainedArgument:
    """One argument, and what it became. `type` names the key's type, or is empty for Hydra's own arguments."""

    argument: str
    kind: ArgumentKind
    key: str
    type: str
    override: str


@dataclass(frozen=True, slots=True)
class Composition:
    """A composed config: plain containers with interpolations unresolved, and the option chosen in each config group.

    `choices` holds the app's own groups only, none of Hydra's. None is a group that is left empty.
    """

    config: JsonObject
    choices: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """An app's command line, explained.

    `app_default` is composed from the app's own defaults alone; `base` from what stands on the command line besides the
    parameters; `composed` from everything; `choices_only` from the app's defaults and the group choices of `composed`,
    but for the experiment. `program` is the app's command without its overrides: interpreter, script or module, and
    Hydra's own flags. `command` is the arguments that the app finds behind its program name.
    """

    arguments: tuple[ExplainedArgument, ...]
    program: tuple[str, ...]
    command: tuple[str, ...]
    app_default: Composition
    base: Composition
    choices_only: Composition
    composed: Composition
    groups: Mapping[str, tuple[str, ...]]

    @property
    def overrides(self) -> tuple[str, ...]:
        """The Hydra overrides that the parameters became, in the order of the arguments."""
        return tuple(a.override for a in self.arguments if a.override and a.kind is not ArgumentKind.HYDRA)


def dump_explanation(explanation: Explanation) -> JsonObject:
    """The document, ready for JSON."""
    return {
        "arguments": [
            {"argument": a.argument, "kind": a.kind.value, "key": a.key, "type": a.type, "override": a.override}
            for a in explanation.arguments
        ],
        "program": list(explanation.program),
        "command": list(explanation.command),
        "appDefault": _dump_composition(explanation.app_default),
        "base": _dump_composition(explanation.base),
        "choicesOnly": _dump_composition(explanation.choices_only),
        "composed": _dump_composition(explanation.composed),
        "groups": {group: list(options) for group, options in explanation.groups.items()},
    }


def parse_explanation(document: Json) -> Explanation:
    """Read what `dump_explanation` wrote. Raises ValueError on anything else."""
    top = _object(document)
    return Explanation(
        arguments=tuple(_argument(item) for item in _array(top["arguments"])),
        program=tuple(str(part) for part in _array(top["program"])),
        command=tuple(str(part) for part in _array(top["command"])),
        app_default=_composition(top["appDefault"]),
        base=_composition(top["base"]),
        choices_only=_composition(top["choicesOnly"]),
        composed=_composition(top["composed"]),
        groups={g: tuple(str(o) for o in _array(options)) for g, options in _object(top["groups"]).items()},
    )


def _dump_composition(composition: Composition) -> JsonObject:
    return {"config": composition.config, "choices": dict(composition.choices)}


def _composition(value: Json) -> Composition:
    item = _object(value)
    choices = {g: None if option is None else str(option) for g, option in _object(item["choices"]).items()}
    return Composition(config=_object(item["config"]), choices=choices)


def _argument(value: Json) -> ExplainedArgument:
    item = {key: str(text) for key, text in _object(value).items()}
    return ExplainedArgument(item["argument"], ArgumentKind(item["kind"]), item["key"], item["type"], item["override"])


def _object(value: Json) -> JsonObject:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a JSON object, got {type(value).__name__}")  # noqa: TRY004 - malformed input, one type
    return value


def _array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError(f"expected a JSON array, got {type(value).__name__}")  # noqa: TRY004 - malformed input, one type
    return value
