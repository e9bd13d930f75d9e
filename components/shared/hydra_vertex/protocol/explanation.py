"""The result of `hydra-trial --explain` on an app, and its JSON form, which a launcher reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .json import Json, JsonObject, array_of, object_of

EXPERIMENT_GROUP = "experiment"
"""The config group of experiment files. A generated experiment file must contain the values of the chosen option."""


class ArgumentKind(str, Enum):
    """How an argument was interpreted."""

    VALUE = "value"
    """A parameter that sets a key of the config."""
    GROUP = "group"
    """A parameter that chooses an option of a config group."""
    HYDRA = "hydra"
    """An override or a flag that is passed to Hydra unchanged."""


@dataclass(frozen=True, slots=True)
class ExplainedArgument:
    """One argument and the override made from it. `type` is the key's type; empty for Hydra's own arguments."""

    argument: str
    kind: ArgumentKind
    key: str
    type: str
    override: str


@dataclass(frozen=True, slots=True)
class DescribedKey:
    """A key or a config group of the composed config. `kind` is a type's name: int, float, str, list, enum, any, ...

    `value` is None where a constant cannot stand for it: null, an interpolation, or the mandatory `???`, for which
    `is_required` holds. `choices` are the members of an enum or the options of a group.
    """

    name: str
    kind: str
    value: Json
    is_required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Composition:
    """A composed config: plain containers with interpolations unresolved, and the option chosen in each config group.

    `choices` contains only the app's own groups, not Hydra's. The option None means that the group is left empty.
    """

    config: JsonObject
    choices: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class StudyPart:
    """What the composed config says of a study: `hydra.sweeper` and `optimized_metric`, resolved where possible.

    `groups` are the config groups whose chosen options set how Hydra sweeps, such as `hparams_search`.
    """

    sweeper: JsonObject = field(default_factory=dict)
    optimized_metric: Json = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of an app's command line.

    `app_default` is composed from the app's own defaults alone; `base` from the command line without the parameters;
    `composed` from the whole command line; `choices_only` from the app's defaults and the group choices of `composed`
    except the experiment. `program` is the app's command without its overrides: interpreter, script or module, and
    Hydra's own flags, which `flags` has alone. `command` is the arguments that the app receives after its program name.
    `interpreter` is the path of the Python that composed the config.
    """

    arguments: tuple[ExplainedArgument, ...]
    program: tuple[str, ...]
    command: tuple[str, ...]
    app_default: Composition
    base: Composition
    choices_only: Composition
    composed: Composition
    groups: Mapping[str, tuple[str, ...]]
    study: StudyPart = field(default_factory=StudyPart)
    flags: tuple[str, ...] = ()
    interpreter: str = ""

    @property
    def overrides(self) -> tuple[str, ...]:
        """The Hydra overrides made from the parameters, in the order of the arguments."""
        return tuple(a.override for a in self.arguments if a.override and a.kind is not ArgumentKind.HYDRA)


def dump_explanation(explanation: Explanation) -> JsonObject:
    """Return the explanation as a JSON object."""
    return {
        "arguments": [dump_argument(argument) for argument in explanation.arguments],
        "program": list(explanation.program),
        "flags": list(explanation.flags),
        "command": list(explanation.command),
        "appDefault": dump_composition(explanation.app_default),
        "base": dump_composition(explanation.base),
        "choicesOnly": dump_composition(explanation.choices_only),
        "composed": dump_composition(explanation.composed),
        "groups": {group: list(options) for group, options in explanation.groups.items()},
        "study": {
            "sweeper": explanation.study.sweeper,
            "optimizedMetric": explanation.study.optimized_metric,
            "groups": list(explanation.study.groups),
        },
        "interpreter": explanation.interpreter,
    }


def parse_explanation(document: Json) -> Explanation:
    """Read the JSON form of `dump_explanation`. Raises ValueError, or KeyError for a missing field."""
    top = object_of(document)
    return Explanation(
        arguments=tuple(parse_argument(item) for item in array_of(top["arguments"])),
        program=tuple(str(part) for part in array_of(top["program"])),
        flags=tuple(str(part) for part in array_of(top["flags"])),
        command=tuple(str(part) for part in array_of(top["command"])),
        app_default=parse_composition(top["appDefault"]),
        base=parse_composition(top["base"]),
        choices_only=parse_composition(top["choicesOnly"]),
        composed=parse_composition(top["composed"]),
        groups={g: tuple(str(o) for o in array_of(options)) for g, options in object_of(top["groups"]).items()},
        study=_study(top["study"]),
        interpreter=str(top.get("interpreter", "")),
    )


def dump_described(key: DescribedKey) -> JsonObject:
    """Return the key as a JSON object."""
    return {
        "name": key.name,
        "kind": key.kind,
        "value": key.value,
        "isRequired": key.is_required,
        "choices": list(key.choices),
    }


def parse_described(value: Json) -> DescribedKey:
    """Read the JSON form of `dump_described`. Raises ValueError, or KeyError for a missing field."""
    item = object_of(value)
    choices = tuple(str(choice) for choice in array_of(item["choices"]))
    return DescribedKey(str(item["name"]), str(item["kind"]), item["value"], item["isRequired"] is True, choices)


def _study(value: Json) -> StudyPart:
    item = object_of(value)
    groups = tuple(str(group) for group in array_of(item["groups"]))
    return StudyPart(object_of(item["sweeper"]), item["optimizedMetric"], groups)


def dump_argument(argument: ExplainedArgument) -> JsonObject:
    """Return the argument as a JSON object."""
    return {
        "argument": argument.argument,
        "kind": argument.kind.value,
        "key": argument.key,
        "type": argument.type,
        "override": argument.override,
    }


def dump_composition(composition: Composition) -> JsonObject:
    """Return the composed config as a JSON object."""
    return {"config": composition.config, "choices": dict(composition.choices)}


def parse_composition(value: Json) -> Composition:
    """Read the JSON form of `dump_composition`. Raises ValueError, or KeyError for a missing field."""
    item = object_of(value)
    choices = {g: None if option is None else str(option) for g, option in object_of(item["choices"]).items()}
    return Composition(config=object_of(item["config"]), choices=choices)


def parse_argument(value: Json) -> ExplainedArgument:
    """Read the JSON form of `dump_argument`. Raises ValueError, or KeyError for a missing field."""
    item = {key: str(text) for key, text in object_of(value).items()}
    return ExplainedArgument(item["argument"], ArgumentKind(item["kind"]), item["key"], item["type"], item["override"])
