"""Renders the HTML page: all texts of a job are masked and made printable here, before any other module reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.job.seed import SEED_LABEL
from hydra_vertex.launcher.best.against_defaults import against_defaults
from hydra_vertex.launcher.best.selection import ended_without_success, rank
from hydra_vertex.launcher.confirm.result import Confirmation
from hydra_vertex.launcher.confirm.text import HEADINGS, interval_text, rows, sentences
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.logs import NO_LOGS, StudyLogs
from hydra_vertex.launcher.machines import NO_MACHINES, StudyMachines
from hydra_vertex.launcher.machines.notes import machine_notes
from hydra_vertex.launcher.preflight.job_builder import app_in
from hydra_vertex.launcher.report.figures import Figure, build_figures, confirmation_figure
from hydra_vertex.launcher.secrets.masker import Masker, secrets_in_arguments
from hydra_vertex.launcher.secrets.of_job import masker_of, trial_without_secrets, without_secrets
from hydra_vertex.launcher.secrets.shell import shell_command
from hydra_vertex.launcher.text.terminal import excerpt, printable
from hydra_vertex.protocol.json import Json

from .earlier import earlier_text
from .labels import trial_with_texts, with_texts
from .live_page import LivePage
from .packed_logs import packed_logs
from .palette import DARK, LIGHT, dark_colours
from .schedule import Status
from .sections import Content, data_of, sections_of
from .security import script_json, security_policy
from .spending import repeats_sentence, spending_of
from .summary import summarise
from .table import rows_of
from .templates import asset_text, environment

_PAGE_SCRIPT, _LOGS_SCRIPT, _LIVE_SCRIPT, _PLOTLY = "page.js", "logs.js", "live.js", "plotly/plotly.min.js"


def page_sections(
    job: HyperparameterTuningJob,
    *,
    best: Trial | None,
    overrides: Sequence[str],
    reproduce: str,
    title: str | None,
    prices: Prices,
    confirmation: Confirmation | None = None,
    can_stop: bool = False,
    machines: StudyMachines = NO_MACHINES,
    logs: StudyLogs = NO_LOGS,
) -> dict[str, Json]:
    """Return all of the page that can change, by the section's key; equal sections need not be sent again.

    Each section is an object with `html`, `data`, or both; `sections.py` lists the keys. Control characters of the job
    become Python escapes (`\\x1b`), and secrets `***`. With `can_stop`, running trials have a button.
    """
    content = _content(job, best, overrides, reproduce, title, prices, confirmation, machines, logs)
    return sections_of(content, can_stop=can_stop)


def render_page(
    job: HyperparameterTuningJob,
    *,
    best: Trial | None,
    overrides: Sequence[str],
    reproduce: str,
    title: str | None,
    prices: Prices,
    confirmation: Confirmation | None = None,
    live: LivePage | None = None,
    machines: StudyMachines = NO_MACHINES,
    logs: StudyLogs = NO_LOGS,
) -> str:
    """Return the HTML document, with the sections of `page_sections` in it; with `live`, also the live parts."""
    content = _content(job, best, overrides, reproduce, title, prices, confirmation, machines, logs)
    sections = sections_of(content, can_stop=live is not None and live.can_stop)
    scripts = {"plotly": asset_text(_PLOTLY), "logs": asset_text(_LOGS_SCRIPT), "page": asset_text(_PAGE_SCRIPT)}
    if live is not None:
        scripts["live"] = asset_text(_LIVE_SCRIPT)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=content.title,
            sections=sections,
            figures=content.figures,
            trial_ids=[row.id for row in content.rows],
            light=LIGHT,
            dark=DARK,
            states=[status.name.lower() for status in Status],
            data=script_json({"sections": data_of(sections), "darkColours": dark_colours()}),
            settings=None if live is None else script_json(live.settings),
            can_stop=live is not None and live.can_stop,
            scripts=scripts,
            policy=security_policy(*scripts.values(), is_live=live is not None),
        )
    )


def _content(
    job: HyperparameterTuningJob,
    best: Trial | None,
    overrides: Sequence[str],
    reproduce: str,
    title: str | None,
    prices: Prices,
    confirmation: Confirmation | None,
    machines: StudyMachines,
    logs: StudyLogs,
) -> Content:
    mask = masker_of(job, os.environ, secrets_in_arguments(overrides))
    command = reproduce or _command_of(job, overrides, mask)
    compared, seed = _against_defaults(job, best, mask), printable(job.labels.get(SEED_LABEL, ""))
    best = None if best is None else trial_with_texts(trial_without_secrets(best, job, mask), printable)
    problem = _problem(job, mask)
    job = with_texts(without_secrets(job, mask), printable)
    return Content(
        title=printable(mask.text(title or "")) or job.display_name or "Hyperparameter tuning",
        job=job,
        best=best,
        overrides=tuple(printable(override) for override in mask.arguments(overrides)),
        reproduce=printable(mask.text(command)),
        summary=summarise(job, best),
        problem=problem,
        against_defaults=compared,
        seed=seed,
        earlier=earlier_text(job.labels),
        spending=spending_of(job, prices),
        repeats=_repeats(confirmation, mask, prices),
        machine_notes=tuple(printable(mask.text(note)) for note in machine_notes(machines)),
        figures=(*_confirmation_figure(confirmation), *build_figures(job, best, prices, machines)),
        rows=rows_of(job, best),
        logs=packed_logs(logs, _by_rank(job), mask),
    )


def _by_rank(job: HyperparameterTuningJob) -> list[str]:
    """Return the ids of all trials, the best first."""
    return list(dict.fromkeys(trial.id for trial in (*rank(job), *job.trials)))


def _against_defaults(job: HyperparameterTuningJob, best: Trial | None, mask: Masker) -> str:
    """Return the best trial compared with that of the default values; empty when there is none of them."""
    compared = None if best is None else against_defaults(job, best)
    return "" if compared is None else printable(mask.text(compared.text))


def _confirmation_figure(confirmation: Confirmation | None) -> tuple[Figure, ...]:
    found = None if confirmation is None else confirmation_figure(confirmation)
    return () if found is None else (found,)


def _repeats(confirmation: Confirmation | None, mask: Masker, prices: Prices) -> dict[str, object] | None:
    """Return the texts about the repeats for the template; None when nothing was repeated."""
    if confirmation is None:
        return None
    selected = confirmation.selected
    texts = [*sentences(confirmation), repeats_sentence(confirmation.job, prices)]
    return {
        "sentences": [printable(mask.text(text)) for text in texts if text],
        "headings": HEADINGS,
        "rows": [[printable(cell) for cell in row] for row in rows(confirmation)],
        "mean": None if selected is None else selected.mean,
        "interval": "" if selected is None else interval_text(selected.estimate),
        "best": None if selected is None else printable(selected.trial.id),
        "ranking": _ranking(confirmation),
    }


def _ranking(confirmation: Confirmation) -> str:
    """Return whether the ranking is settled; empty for one configuration, which has none."""
    if confirmation.unsettled is None:
        return ""
    return f"; the ranking is {'settled' if confirmation.is_settled else 'not settled'}"


def _problem(job: HyperparameterTuningJob, mask: Masker) -> str:
    """Return why an ended job did not succeed; empty when it did, or goes on."""
    if not ended_without_success(job):
        return ""
    reason = f": {job.error.message}" if job.error is not None and job.error.message else ""
    text = f"It ended as {job.state.value}{reason}. The best trial is the best of what was measured."
    return excerpt(mask.text(text), 600)


def _command_of(job: HyperparameterTuningJob, overrides: Sequence[str], mask: Masker) -> str:
    """Return the app's command in the job with the best trial's overrides; empty when either is unknown."""
    app = app_in(job)
    return "" if app is None or not overrides else str(shell_command([*app, *overrides], mask))
