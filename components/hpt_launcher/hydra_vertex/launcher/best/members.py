"""The other results of a study with several objectives: an experiment file for each member of its Pareto set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.job import Goal, HyperparameterTuningJob, Trial
from hydra_vertex.job.preference import preferred_objective
from hydra_vertex.launcher.files.output_file import write_output

from .pareto import RULE

FOLDER = "pareto"
"""The folder of the files, beside the selected trial's own."""


@dataclass(frozen=True, slots=True)
class Member:
    """A trial of the Pareto set, and its config as an experiment file and as overrides, which may have secrets."""

    trial: Trial
    experiment: str
    overrides: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"trial_{self.trial.id}.yaml"


def rule_of(job: HyperparameterTuningJob, prefer: str = "") -> str:
    """Return the rule that selects the best trial of several objectives, as `selection.rank`; empty for one."""
    if not job.study_spec.has_several_objectives:
        return ""
    prefer = prefer or preferred_objective(job)
    return f"the member of the Pareto set with the best {prefer}" if prefer else RULE


def values_of(job: HyperparameterTuningJob, trial: Trial) -> dict[str, float]:
    """Return the trial's final value of each objective, in their order."""
    found = {name: trial.objective(name) for name in job.study_spec.metric_ids}
    return {name: value for name, value in found.items() if value is not None}


def write_members(members: Sequence[Member], folder: Path) -> tuple[Path, ...]:
    """Write the file of each member. Return the files of other trials in the folder, which are of another selection.

    Raises OutputError.
    """
    for member in members:
        write_output(folder / member.file_name, member.experiment, "the experiment file of a member of the Pareto set")
    own = {member.file_name for member in members}
    return tuple(sorted(path for path in folder.glob("trial_*.yaml") if path.name not in own))


def heading_lines(job: HyperparameterTuningJob, count: int, rule: str) -> Iterator[str]:
    """Yield what an experiment file says about the Pareto set. `rule` is empty where it did not select the trial."""
    if job.study_spec.has_several_objectives:
        goals = ", ".join(f"{_verb(metric.goal)} {metric.id}" for metric in job.study_spec.metrics)
        yield f"One of {count} trials of the Pareto set ({goals}). {f'Selected: {rule}.' if rule else ''}".strip()


def _verb(goal: Goal) -> str:
    """Return the goal as a verb; an unset goal is MAXIMIZE, as the API defines it."""
    return "minimize" if goal is Goal.MINIMIZE else "maximize"


def text_of(values: Mapping[str, float]) -> str:
    """Return such as `val/loss = 0.3, size = 12.0`."""
    return ", ".join(f"{name} = {value!r}" for name, value in values.items())
