"""Splits a trial's arguments into those of the command, which a user types again, and those of the study. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, ArgumentKind, ExplainedArgument, Explanation
from hydra_vertex.protocol.json import Json

_HYDRA = "hydra"


@dataclass(frozen=True, slots=True)
class StudyArguments:
    """What the study set: by the trial's parameters, and by the overrides of the search file.

    `groups` are the config groups, and whether the choice adds the group to the defaults list; `keys` are the other
    keys. `retyped` are the overrides to type with the experiment file: the command's own that the study did not set,
    and the study's that no experiment file can hold.
    """

    groups: Mapping[str, bool]
    keys: tuple[str, ...]
    retyped: tuple[str, ...]


def study_part(explanation: Explanation, parameters: int, file_overrides: int) -> StudyArguments:
    """Split the arguments of a trial: the last are `parameters`, and before them `file_overrides`."""
    arguments = [a for a in explanation.arguments if a.override and not _is_flag(a)]
    own_count = max(0, len(arguments) - parameters - file_overrides)
    own, of_study = arguments[:own_count], arguments[own_count:]
    held = [argument for argument in of_study if _is_held(argument)]
    groups = {group: _adds(a) for a in held if (group := _group_of(a, explanation))}
    keys = tuple(dict.fromkeys(_key(a) for a in held if not _group_of(a, explanation)))
    # With the group that chose the search file, plain Hydra would run a sweep.
    left_out = {EXPERIMENT_GROUP, *explanation.study.groups}
    retyped = (
        *(a.override for a in own if not _is_superseded(a, of_study) and _key(a) not in left_out),
        *(a.override for a in of_study if a not in held),
    )
    return StudyArguments({g: adds for g, adds in groups.items() if g != EXPERIMENT_GROUP}, keys, retyped)


def chosen_options(option: str | None) -> tuple[str, ...]:
    """Return the options of a choice: none, one, or those of a list (`[a, b]`)."""
    if option is None or option == "???":
        return ()
    if not option.startswith("["):
        return (option,)
    try:
        return tuple(str(item) for item in ast.literal_eval(option))
    except (ValueError, SyntaxError):
        return (option,)


def group_entry(group: str, option: str | None, *, adds: bool) -> Json:
    """Return an entry of a defaults list."""
    options = chosen_options(option)
    value: Json = list(options) if option is not None and option.startswith("[") else option
    return {f"/{group}" if adds else f"override /{group}": value}


def _is_flag(argument: ExplainedArgument) -> bool:
    return argument.kind is ArgumentKind.HYDRA and argument.override.startswith("-")


def _key(argument: ExplainedArgument) -> str:
    if argument.kind is not ArgumentKind.HYDRA:
        return argument.key
    return argument.override.partition("=")[0].lstrip("+~")


def _adds(argument: ExplainedArgument) -> bool:
    return argument.override.startswith("+")


def _is_held(argument: ExplainedArgument) -> bool:
    """Whether an experiment file can hold what the argument sets: it deletes no key, and it is not about Hydra."""
    is_deletion = argument.override.startswith("~") and argument.kind is not ArgumentKind.GROUP
    return not is_deletion and _key(argument).replace("/", ".").partition(".")[0] != _HYDRA


def _group_of(argument: ExplainedArgument, explanation: Explanation) -> str:
    key = _key(argument)
    is_group = argument.kind is ArgumentKind.GROUP or (
        argument.kind is ArgumentKind.HYDRA
        and key.partition("@")[0] in explanation.groups
        and key in explanation.composed.choices
    )
    return key if is_group else ""


def _is_superseded(own: ExplainedArgument, of_study: Sequence[ExplainedArgument]) -> bool:
    return any(_key(own) == key or _key(own).startswith(f"{key}.") for key in _keys(of_study))


def _keys(arguments: Sequence[ExplainedArgument]) -> Iterator[str]:
    yield from (_key(argument) for argument in arguments)
