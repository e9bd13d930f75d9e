"""Divides the page into sections, so that a live page is sent only those that have changed. Pure.

| key | content |
|---|---|
| `header`, `numbers`, `best_trial`, `repeated`, `machines`, `failed` | `html` of the element with this `data-section` |
| `logs` | `html`: where the logs are; `data` those of the finished page, packed (`packed_logs.py`) |
| `figures` | `data`: the ids of the figures, in the order of the page |
| `figure:ID` | `html` of the figure's `<section>`; `data` its plot |
| `table` | `html` of the table's head; `data` the ids of the trials, in the order of the rows |
| `trial:ID` | `html` of the trial's `<tr>`; `data` its learning curves |
| `state` | `data`: `title`, the document's title |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.job import Goal, HyperparameterTuningJob, ParameterValue, Trial
from hydra_vertex.job.parameters import walk_parameters
from hydra_vertex.launcher.best.members import rule_of
from hydra_vertex.protocol.json import Json, object_of

from .curve_data import curves_of
from .failures import failures_of
from .figures import Figure
from .packed_logs import PackedLogs
from .spending import Spending
from .summary import Summary
from .table import Row
from .templates import environment


@dataclass(frozen=True, slots=True)
class Content:
    """What the page displays of a job, without secrets and control characters. Empty texts are left out."""

    title: str
    job: HyperparameterTuningJob
    best: Trial | None
    overrides: tuple[str, ...]
    reproduce: str
    summary: Summary
    problem: str
    against_defaults: str
    seed: str
    earlier: str
    spending: Spending | None
    repeats: Mapping[str, object] | None
    machine_notes: tuple[str, ...]
    figures: tuple[Figure, ...]
    rows: tuple[Row, ...]
    logs: PackedLogs


def sections_of(content: Content, *, can_stop: bool = False) -> dict[str, Json]:
    """Return the sections of the page by their keys. With `can_stop`, the row of a running trial has a button."""
    parts = environment().get_template("sections.html.j2").make_module(_context(content, can_stop=can_stop))
    curves = curves_of(content.job)
    found: dict[str, Json] = {
        name: {"html": str(getattr(parts, name)())}
        for name in ("header", "numbers", "best_trial", "repeated", "machines", "failed")
    }
    packed: Json = {"packed": content.logs.packed} if content.logs.packed else {}
    found["logs"] = {"html": str(parts.where_logs_are()), "data": packed}  # type: ignore[attr-defined]  # a macro
    found["figures"] = {"data": [figure.id for figure in content.figures]}
    for figure in content.figures:
        found[f"figure:{figure.id}"] = {"html": str(parts.figure(figure)), "data": figure.data()}  # type: ignore[attr-defined]  # a macro
    found["table"] = {"html": str(parts.head()), "data": [row.id for row in content.rows]}  # type: ignore[attr-defined]  # a macro
    for row in content.rows:
        html = str(parts.row(row))  # type: ignore[attr-defined]  # a macro
        found[f"trial:{row.id}"] = {"html": html, "data": curves.get(row.id, {})}
    found["state"] = {"data": {"title": content.title}}
    return found


def data_of(sections: Mapping[str, Json]) -> dict[str, Json]:
    """Return the sections without their HTML, which the page has already; those without data are left out."""
    found = {key: object_of(section).get("data") for key, section in sections.items()}
    return {key: {"data": data} for key, data in found.items() if data not in (None, {})}


def _changes(content: Content) -> dict[str, ParameterValue | None]:
    """Return the default value of each parameter of the best trial that has one; None where the trial has the same."""
    if content.best is None:
        return {}
    defaults = {spec.id: spec.domain.default for spec in walk_parameters(content.job.study_spec.parameters)}
    return {
        key: None if default == value else default if isinstance(default, str) else float(default)
        for key, value in content.best.parameters.items()
        if (default := defaults.get(key)) is not None
    }


def _context(content: Content, *, can_stop: bool) -> dict[str, object]:
    spec, changes = content.job.study_spec, _changes(content)
    return {
        **{name: getattr(content, name) for name in Content.__slots__},
        "metric": spec.objective,
        "metrics": spec.metrics,
        "rule": rule_of(content.job),
        "better": "lower" if spec.objective.goal is Goal.MINIMIZE else "higher",
        "failures": failures_of(content.job),
        "can_stop": can_stop,
        "keys": tuple(content.rows[0].parameters) if content.rows else (),
        "changes": changes,
        "changed_count": sum(default is not None for default in changes.values()),
    }
