"""A study as one screen of Markdown, which KFP and Vertex AI show on the page of a pipeline run. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from hydra_vertex.job import HyperparameterTuningJob, ParameterValue, Trial
from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.launcher.secrets.of_job import trial_without_secrets, without_secrets
from hydra_vertex.launcher.text.formatting import format_duration, format_value
from hydra_vertex.launcher.text.terminal import excerpt, printable

LISTED = 10
CELL_LIMIT = 60
NOTE_LIMIT = 600
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:])")


def summary_markdown(
    job: HyperparameterTuningJob, best: Trial, *, mask: Masker, reproduce: str = "", notes: Sequence[str] = ()
) -> str:
    """Return the best trial with its parameters, and the ten best trials. Secrets are masked, and texts escaped.

    `reproduce` is a command without secrets; `notes` are sentences, such as the comparison with the default values.
    """
    shown, selected = without_secrets(job, mask), trial_without_secrets(best, job, mask)
    metrics = job.study_spec.metric_ids
    values = ", ".join(f"{_text(name)} = **{_number(selected.objective(name))}**" for name in metrics)
    lines = [
        f"# {_text(mask.text(job.display_name) or 'Hyperparameter tuning')}",
        f"Best trial: **{_text(best.id)}**, {values}",
        _counts(shown),
        *(_text(mask.text(note), NOTE_LIMIT) for note in notes if note),
        "## The best trial's parameters",
        _table(["parameter", "value"], ([key, _cell(value)] for key, value in selected.parameters.items())),
        *_best_ten(shown, mask),
        *(["## To run it again", _code(reproduce)] if reproduce else []),
    ]
    return "\n\n".join(lines) + "\n"


def _counts(job: HyperparameterTuningJob) -> str:
    counts = Counter(trial.state.value.lower() for trial in job.trials)
    stopped = sum(trial.stopped_early for trial in job.trials)
    states = ", ".join(f"{number} {state}" for state, number in counts.items())
    early = f" ({stopped} stopped early)" if stopped else ""
    return f"{len(job.trials)} of at most {job.max_trial_count} trials: {states}{early}"


def _best_ten(job: HyperparameterTuningJob, mask: Masker) -> Iterator[str]:
    ranked = rank(job)[:LISTED]
    keys = [parameter.id for parameter in job.study_spec.parameters]
    metrics = job.study_spec.metric_ids
    trials = [trial_without_secrets(trial, job, mask) for trial in ranked]
    yield "## The best trials" if len(trials) < LISTED else f"## The {LISTED} best trials"
    yield _table(
        ["trial", *metrics, *keys, "time"],
        (
            [
                trial.id,
                *(_number(trial.objective(name)) for name in metrics),
                *(_cell(trial.parameters.get(key)) for key in keys),
                "" if trial.duration_s is None else format_duration(trial.duration_s),
            ]
            for trial in trials
        ),
    )


def _table(headings: Sequence[str], rows: Iterator[list[str]]) -> str:
    lines = [[_text(heading) for heading in headings], ["---"] * len(headings)]
    lines += [[_text(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(value: ParameterValue | None) -> str:
    return "" if value is None else format_value(value)


def _number(value: float | None) -> str:
    return "none" if value is None else format_value(value)


def _text(text: str, limit: int = CELL_LIMIT) -> str:
    """Return text of one line that Markdown shows as it is, and in which no HTML is an element."""
    line = excerpt(printable(text), limit).replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", line)


def _code(text: str) -> str:
    """Return a block of code, whose fence is longer than any in the text."""
    lines = "\n".join(printable(line) for line in text.splitlines())
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", lines)), default=0))
    return f"{fence}\n{lines}\n{fence}"
