"""The part of a sweeper file that belongs to the app: everything except `hydra.sweeper`, as overrides of Hydra. Pure.

`python train.py hparams_search=x` composes the file with the app's config. A trial may run where the file does not
exist, so the launcher puts overrides with the same effect on the app's command line instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hydra_vertex.launcher.arguments import argument_problem
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from .override_text import override_text

DEFAULTS = "defaults"
HYDRA = "hydra"
_SELF = "_self_"
_NAME = re.compile(r"[\w./@-]+")
_SWEEPER_GROUPS = "hydra/sweeper/"
"""The groups of a sweeper's own options, such as its sampler: a trial has no sweeper."""
_GROUPS_WITHOUT_EFFECT = {
    "hydra/sweeper": "the tuning service selects the values",
    "hydra/launcher": "the tuning service starts the trials",
}


def default_overrides(document: JsonObject, source: str) -> Iterator[str]:
    """Yield the overrides for the entries of the defaults list, in its order.

    Raises SearchSpaceError for an entry that depends on the location of the file, or that Hydra's command line cannot
    express.
    """
    defaults = document.get(DEFAULTS, [])
    if not isinstance(defaults, list):
        raise SearchSpaceError(f"{source}: defaults is {excerpt(repr(defaults))}; expected a list")
    for entry in defaults:
        if entry == _SELF:
            continue
        match entry:
            case dict() if len(entry) == 1:
                ((group, option),) = entry.items()
                yield from _group_override(group, option, f"{source}: defaults: {excerpt(f'{group}: {option}')}")
            case _:
                raise SearchSpaceError(
                    f"{source}: defaults: {excerpt(repr(entry))} names a config beside the file, which a trial may not "
                    "have; move its values into this file, or select it in the app's command"
                )


def groups_without_effect(document: JsonObject) -> Iterator[str]:
    """Yield a notice for each group choice of the defaults list that has no effect, with the reason."""
    defaults = document.get(DEFAULTS)
    for entry in defaults if isinstance(defaults, list) else []:
        for name, option in entry.items() if isinstance(entry, dict) else ():
            group = _group_of(name)
            if group in _GROUPS_WITHOUT_EFFECT:
                yield f"defaults: {name}: {option} has no effect, because {_GROUPS_WITHOUT_EFFECT[group]}"


def chosen_option(document: JsonObject, group: str) -> str:
    """Return the option of a group in the defaults list; empty when the list does not choose one."""
    defaults = document.get(DEFAULTS)
    for entry in defaults if isinstance(defaults, list) else []:
        for name, option in entry.items() if isinstance(entry, dict) else ():
            if _group_of(name) == group and isinstance(option, str):
                return option
    return ""


def value_overrides(document: JsonObject, source: str, prefix: str = "") -> Iterator[str]:
    """Yield an override for each value of a mapping, also in its mappings; `prefix` is the path of the mapping.

    Raises SearchSpaceError for a key or a value that Hydra's command line cannot express.
    """
    for name, value in document.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from value_overrides(value, source, f"{key}.")
            continue
        text = override_text(key, value)
        if text is None:
            raise SearchSpaceError(
                f"{source}: {excerpt(key)}: {excerpt(repr(value))} cannot be an override on Hydra's command line, with "
                "which a trial gets it; move it into a config of the app"
            )
        if problem := argument_problem(text):
            raise SearchSpaceError(f"{source}: {excerpt(key)}: {excerpt(text, 40)} {problem}")
        yield text


def _group_of(name: str) -> str:
    return name.split()[-1].removeprefix("/") if name.strip() else ""


def _group_override(name: str, option: Json, where: str) -> Iterator[str]:
    match name.split():
        case ["override", group]:
            sign = ""
        case [group]:
            sign = "+"
        case _:
            raise SearchSpaceError(f"{where}: expected `override /group: option` or `/group: option`")
    if _group_of(group) in _GROUPS_WITHOUT_EFFECT or _group_of(group).startswith(_SWEEPER_GROUPS):
        return
    if not group.startswith("/"):
        raise SearchSpaceError(
            f"{where}: a group without a slash is below the folder of the file, which a trial may not have; "
            f"write /{excerpt(group)} for a group of the app"
        )
    if not _NAME.fullmatch(group):
        raise SearchSpaceError(f"{where}: the group is {excerpt(repr(group))}; expected a name such as /model")
    if option is None and sign:
        return  # In Hydra, a place without a choice.
    yield f"{sign}{group.removeprefix('/')}={_option(option, where)}"


def _option(option: Json, where: str) -> str:
    """Return the option as Hydra's command line has it: a name, or a list of names."""
    match option:
        case str() if _NAME.fullmatch(option):
            return option
        case list() if option and all(isinstance(item, str) and _NAME.fullmatch(item) for item in option):
            return f"[{','.join(map(str, option))}]"
        case _:
            raise SearchSpaceError(f"{where}: expected the name of an option, or a list of names")
