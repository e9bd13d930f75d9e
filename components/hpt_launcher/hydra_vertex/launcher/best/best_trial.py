"""From a finished job to the files of its best trial: experiment file, overrides, difference, report."""

from __future__ import annotations

import dataclasses
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, IntegerRange, StudySpec, Trial, walk_parameters
from hydra_vertex.launcher.preflight.ask_app import explain
from hydra_vertex.launcher.preflight.job_builder import aliases_in, app_in
from hydra_vertex.protocol.command import parameter_argument
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, Explanation
from hydra_vertex.protocol.files import write_atomic

from .experiment_file import Difference, comment, differences, experiment_file, wrong_keys
from .selection import select_best

EXPERIMENT_NAME = "best"


@dataclass(frozen=True, slots=True)
class BestConfig:
    """The best trial, and its config in the forms that people use.

    `overrides` go behind the app's own command (`app`) and give the trial's config. `experiment` gives it too, behind
    `program`, unless `shortfall` says why not: an app whose `_self_` stands behind its experiment ignores it.
    """

    trial: Trial
    value: float
    app: tuple[str, ...]
    program: tuple[str, ...]
    overrides: tuple[str, ...]
    experiment: str
    differences: tuple[Difference, ...]
    has_experiment_group: bool
    shortfall: str = ""

    def command_with(self, config_dir: str) -> str:
        """The shell command that runs the app with the best config; the experiment file is found below `config_dir`."""
        if self.shortfall:
            return shlex.join([*self.app, *self.overrides])
        return shlex.join([*self.program, *_experiment_arguments(config_dir, self.has_experiment_group)])


def best_config(job: HyperparameterTuningJob, app: Sequence[str] = ()) -> BestConfig:
    """Select the best trial and work out its config, by composing it with the app.

    `app` is the app's command; when empty it is read from the job's own container command. The experiment file is
    composed again and compared, so that what it promises is known to be true, or `shortfall` says what is not. Raises
    StudyError when no trial can be selected, CommandError when the job does not say what app it tuned.
    """
    trial = select_best(job)
    value = trial.objective(job.study_spec.objective.id)
    assert value is not None  # noqa: S101 - select_best takes only trials that have one
    command = tuple(app) or command_in(job)
    explanation = explain(command, trial_arguments(job.study_spec, trial), options=aliases_in(job))
    heading = (f"Trial {trial.id} of {job.display_name}: {job.study_spec.objective.id} = {value!r}",)
    config = BestConfig(
        trial=trial,
        value=value,
        app=command,
        program=explanation.program,
        overrides=explanation.overrides,
        experiment=experiment_file(explanation, heading),
        differences=differences(explanation),
        has_experiment_group=EXPERIMENT_GROUP in explanation.app_default.choices,
    )
    return _verified(config, explanation)


def command_in(job: HyperparameterTuningJob) -> tuple[str, ...]:
    """The app's command in a job's first worker pool. Raises CommandError when `hydra-trial` does not start it."""
    app = app_in(job)
    if app is None:
        raise CommandError(
            f"{job.display_name or 'the job'}: its container command has no `hydra-trial … --`, so the app is unknown; "
            "give the app's command behind --"
        )
    return app


def trial_arguments(spec: StudySpec, trial: Trial) -> tuple[str, ...]:
    """A trial's parameters as its command line had them: the API gives integers back as doubles."""
    integers = {p.id for p in walk_parameters(spec.parameters) if isinstance(p.domain, IntegerRange)}
    return tuple(
        parameter_argument(key, int(value) if key in integers and not isinstance(value, str) else value)
        for key, value in trial.parameters.items()
    )


def overrides_text(overrides: Sequence[str]) -> str:
    """One override a line, as Hydra's grammar has it."""
    return "".join(f"{override}\n" for override in overrides)


def _experiment_arguments(config_dir: str, has_group: bool) -> list[str]:
    choice = f"{EXPERIMENT_GROUP}={EXPERIMENT_NAME}"
    return ["--config-dir", config_dir, choice if has_group else f"+{choice}"]


def _verified(config: BestConfig, explanation: Explanation) -> BestConfig:
    """Compose the experiment file as a user will, and compare."""
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        write_atomic(Path(folder, EXPERIMENT_GROUP, f"{EXPERIMENT_NAME}.yaml"), config.experiment)
        again = explain([*config.program, *_experiment_arguments(folder, config.has_experiment_group)])
    wrong = tuple(wrong_keys(again.composed.config, explanation.composed.config))
    if not wrong:
        return config
    shortfall = (
        f"as an experiment this file does not give {', '.join(wrong)}: the app's defaults list puts something behind "
        "its experiment, or the command line deletes keys; use the overrides instead"
    )
    note = comment(f"NOTE: {shortfall}.")
    return dataclasses.replace(config, shortfall=shortfall, experiment=f"{config.experiment}{note}\n")
