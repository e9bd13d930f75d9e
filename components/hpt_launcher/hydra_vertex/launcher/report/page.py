"""Renders the HTML page from its template, with a content security policy so that no text of a job can run in it."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.job import Goal, HyperparameterTuningJob, Trial
from hydra_vertex.job.seed import SEED_LABEL
from hydra_vertex.launcher.best.against_defaults import against_defaults
from hydra_vertex.launcher.best.pareto import RULE
from hydra_vertex.launcher.best.selection import ended_without_success
from hydra_vertex.launcher.confirm.result import Confirmation
from hydra_vertex.launcher.confirm.text import HEADINGS, interval_text, rows, sentences
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.machines import NO_MACHINES, StudyMachines
from hydra_vertex.launcher.machines.notes import machine_notes
from hydra_vertex.launcher.preflight.job_builder import app_in
from hydra_vertex.launcher.report.figures import Figure, build_figures, confirmation_figure
from hydra_vertex.launcher.secrets.masker import Masker, secrets_in_arguments
from hydra_vertex.launcher.secrets.of_job import masker_of, trial_without_secrets, without_secrets
from hydra_vertex.launcher.secrets.shell import shell_command
from hydra_vertex.launcher.text.formatting import format_duration, format_value
from hydra_vertex.launcher.text.terminal import excerpt, printable
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

from .labels import trial_with_texts, with_texts
from .palette import DARK, LIGHT, dark_colours
from .spending import repeats_sentence, spending_of
from .summary import Comparison, summarise
from .table import rows_of

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
_PAGE_SCRIPT = "page.js"


def render_page(
    job: HyperparameterTuningJob,
    *,
    best: Trial | None,
    overrides: Sequence[str],
    reproduce: str,
    title: str | None,
    prices: Prices,
    confirmation: Confirmation | None = None,
    machines: StudyMachines = NO_MACHINES,
) -> str:
    """Return the HTML document. Control characters of the job become Python escapes (`\\x1b`), and secrets `***`."""
    mask = masker_of(job, os.environ, secrets_in_arguments(overrides))
    command = reproduce or _command_of(job, overrides, mask)
    compared, seed = _against_defaults(job, best, mask), printable(job.labels.get(SEED_LABEL, ""))
    best = None if best is None else trial_with_texts(trial_without_secrets(best, job, mask), printable)
    job = with_texts(without_secrets(job, mask), printable)
    script, plotly = _read(_PAGE_SCRIPT), _plotly()
    figures = (*_confirmation_figure(confirmation), *build_figures(job, best, machines))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=printable(mask.text(title or "")) or job.display_name or "Hyperparameter tuning",
            job=job,
            metric=job.study_spec.objective,
            metrics=job.study_spec.metrics,
            rule=RULE if job.study_spec.has_several_objectives else "",
            better="lower" if job.study_spec.objective.goal is Goal.MINIMIZE else "higher",
            best=best,
            overrides=[printable(override) for override in mask.arguments(overrides)],
            reproduce=printable(mask.text(command)),
            summary=summarise(job, best),
            problem=_problem(job, mask),
            against_defaults=compared,
            seed=seed,
            spending=spending_of(job, prices),
            repeats=_repeats(confirmation, mask, prices),
            figures=figures,
            machine_notes=[printable(mask.text(note)) for note in machine_notes(machines)],
            rows=rows_of(job, best),
            light=LIGHT,
            dark=DARK,
            data=_script_json({"figures": {f.id: f.plot for f in figures}, "darkColours": dark_colours()}),
            script=script,
            plotly=plotly if figures else "",
            policy=_security_policy(script, plotly),
        )
    )


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


def _environment() -> Environment:
    from jinja2 import Environment as JinjaEnvironment
    from jinja2 import FileSystemLoader, StrictUndefined

    environment = JinjaEnvironment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": format_value, "duration": format_duration, "compared": _compared}
    return environment


def _compared(comparison: Comparison, what: str) -> str:
    """Return such as `36 % lower than the median trial`."""
    difference, percent = abs(comparison.difference), comparison.percent
    size = format_value(difference) if percent is None else f"{abs(percent):.0f} %"
    if comparison.difference == 0:
        return f"the same as {what}"
    return f"{size} {'lower' if comparison.difference < 0 else 'higher'} than {what}"


def _script_json(value: Json) -> str:
    """Return JSON that cannot end the script element that contains it."""
    text = json.dumps(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _security_policy(*scripts: str) -> str:
    """Return a policy that allows no network access and only the given scripts.

    Plotly sets the styles of its elements, which needs 'unsafe-inline' for style-src.
    """
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """Return Plotly's script. `</script` is escaped in it, because it would end the script element."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")
