"""Implements `--explain`: the override for each argument and the composed configs, without running the app."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, Composition, Explanation, StudyPart
from hydra_vertex.trial.config.composition import AppConfig, plain

from .delivery import Delivery
from .groups import Choice, emitted, resolve_choices
from .study import study_of

_MISSING = "???"


def explain(app: AppConfig, delivery: Delivery, program: Sequence[str]) -> Explanation:
    """Compose the configs that a launcher needs. Raises ArgumentError when the command's config cannot be composed."""
    defaults = replace(app, given=())
    app_default = plain(defaults.compose(()))
    config = app.compose(delivery.overrides)
    composed, study = plain(config), study_of(app, config)
    return Explanation(
        arguments=delivery.arguments,
        program=(*program, *delivery.flags),
        flags=delivery.flags,
        command=delivery.command,
        app_default=app_default,
        base=_base(app, delivery),
        choices_only=plain(defaults.compose(_choices(defaults, app_default, composed, study))),
        composed=composed,
        groups={group: app.options(group) for group in app.groups()},
        study=study,
        interpreter=sys.executable or "",
    )


def render(explanation: Explanation, program: Sequence[str]) -> str:
    """Return the explanation as text: one line per argument, then the final command line, beginning with `program`."""
    rows = [("argument", "taken for", "type", "override")]
    rows += [(a.argument, a.kind.value, a.type or "-", a.override or "(nothing)") for a in explanation.arguments]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = ["  ".join((*map(str.ljust, row, widths), row[3])) for row in rows]
    return "\n".join([*table, "", shlex.join([*program, *explanation.command])])


def _base(app: AppConfig, delivery: Delivery) -> Composition:
    """Compose without the parameters; with their config groups if composition fails without them."""
    try:
        return plain(app.compose(app.given))
    except ArgumentError:
        return plain(app.compose((*app.given, *delivery.choices)))


def _choices(defaults: AppConfig, before: Composition, after: Composition, study: StudyPart) -> tuple[str, ...]:
    """Return the group overrides that turn the choices of `before` into those of `after`.

    The experiment is left out, and the groups of the study, with which a run would be a sweep.
    """
    left_out = {EXPERIMENT_GROUP, *study.groups}
    changed = [
        Choice(group, option)
        for group, option in after.choices.items()
        if group not in left_out and option != _MISSING and before.choices.get(group, _MISSING) != option
    ]
    return emitted(resolve_choices(defaults, changed))
