"""Builds the config of a finished job's best trial: experiment file, overrides, and difference from the defaults."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, IntegerRange, StudySpec, Trial, walk_parameters
from hydra_vertex.launcher.preflight.ask_app import explain
from hydra_vertex.launcher.preflight.job_builder import app_in, value_options_in
from hydra_vertex.launcher.secrets.masker import Masker, secrets_in_arguments
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.secrets.shell import shell_command
from hydra_vertex.protocol.command import parameter_argument
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, Explanation
from hydra_vertex.protocol.files import write_atomic

from .experiment_file import Difference, comment, differences, experiment_file, wrong_keys
from .selection import select_best
from .withheld import Withheld, withhold, without_keys

EXPERIMENT_NAME = "best"


@dataclass(frozen=True, slots=True)
class BestConfig:
    """The best trial, and its config as overrides and as an experiment file.

    `overrides` appended to the app's own command (`app`) give the trial's config. `experiment`, selected with
    `program`, gives it too, unless `shortfall` states why it does not: an app whose defaults list has `_self_` after
    its experiment ignores the file. `overrides` and `app` contain the secrets that a run needs; `experiment` and
    `differences` contain none: `withheld` lists the keys whose values the experiment file lacks, and `mask` replaces
    secrets in other texts.
    """

    trial: Trial
    value: float
    app: tuple[str, ...]
    program: tuple[str, ...]
    overrides: tuple[str, ...]
    experiment: str
    differences: tuple[Difference, ...]
    has_experiment_group: bool
    mask: Masker
    withheld: tuple[Withheld, ...] = ()
    shortfall: str = ""

    def command_with(self, config_dir: str) -> str:
        """Return the shell command that runs the app with the experiment file `config_dir`/experiment/best.yaml.

        Each secret is a shell variable in it; a comment at its end lists these variables.
        """
        if self.shortfall:
            return self.command_with_overrides()
        command = shell_command(
            [*self.program, *_experiment_arguments(config_dir, self.has_experiment_group)], self.mask
        )
        return str(command.with_values({w.key: w.variable for w in self.withheld if w.is_gap and w.variable}))

    def command_with_overrides(self) -> str:
        """Return the shell command that runs the app with the best config, given as overrides."""
        return str(shell_command([*self.app, *self.overrides], self.mask))


def best_config(job: HyperparameterTuningJob, app: Sequence[str] = ()) -> BestConfig:
    """Select the best trial and compose its config with the app.

    `app` is the app's command; when empty it is read from the job's container command. The experiment file is composed
    once more and compared with the trial's config; `shortfall` lists the keys in which the two differ. Raises
    StudyError when no trial can be selected, CommandError when the job does not contain the app's command, and what
    `explain` raises when the app refuses its arguments or fails.
    """
    trial = select_best(job)
    value = trial.objective(job.study_spec.objective.id)
    assert value is not None  # noqa: S101 - select_best takes only trials that have one
    command = tuple(app) or command_in(job)
    explanation = explain(command, trial_arguments(job.study_spec, trial), options=value_options_in(job))
    own = list(secrets_in_arguments(command))
    mask = masker_of(job, os.environ, own, explanation.composed.config)
    public, withheld = _without_secrets(explanation, mask)
    heading = f"Trial {trial.id} of {job.display_name}: {job.study_spec.objective.id} = {value!r}"
    comments = (mask.text(heading), *(item.comment() for item in withheld))
    config = BestConfig(
        trial=trial,
        value=value,
        app=command,
        program=explanation.program,
        overrides=explanation.overrides,
        experiment=experiment_file(public, comments),
        differences=tuple(
            Difference(d.key, mask.value(d.key, d.default), mask.value(d.key, d.best)) for d in differences(explanation)
        ),
        has_experiment_group=EXPERIMENT_GROUP in explanation.app_default.choices,
        mask=mask,
        withheld=withheld,
    )
    return _verified(config, public)


def _without_secrets(explanation: Explanation, mask: Masker) -> tuple[Explanation, tuple[Withheld, ...]]:
    """Return the explanation with the secrets removed from its composed config, and the removed keys."""
    chosen = explanation.choices_only
    config, withheld = withhold(explanation.composed.config, chosen.config, explanation.app_default.config, mask=mask)
    public = dataclasses.replace(
        explanation,
        composed=dataclasses.replace(explanation.composed, config=config),
        # A key that the base lacks is written to the experiment file.
        choices_only=dataclasses.replace(chosen, config=without_keys(chosen.config, {item.key for item in withheld})),
    )
    return public, withheld


def command_in(job: HyperparameterTuningJob) -> tuple[str, ...]:
    """Return the app's command in a job's first worker pool. Raises CommandError when `hydra-trial` does not run it."""
    app = app_in(job)
    if app is None:
        raise CommandError(
            f"{job.display_name or 'the job'}: its container command has no `hydra-trial … --`, so the app is unknown; "
            "give the app's command after --"
        )
    return app


def trial_arguments(spec: StudySpec, trial: Trial) -> tuple[str, ...]:
    """Return a trial's parameters as the arguments of its command line; the API returns integers as doubles."""
    integers = {p.id for p in walk_parameters(spec.parameters) if isinstance(p.domain, IntegerRange)}
    return tuple(
        parameter_argument(key, int(value) if key in integers and not isinstance(value, str) else value)
        for key, value in trial.parameters.items()
    )


def overrides_text(overrides: Sequence[str]) -> str:
    """Return the overrides, one per line."""
    return "".join(f"{override}\n" for override in overrides)


def _experiment_arguments(config_dir: str, has_group: bool) -> list[str]:
    choice = f"{EXPERIMENT_GROUP}={EXPERIMENT_NAME}"
    return ["--config-dir", config_dir, choice if has_group else f"+{choice}"]


def _verified(config: BestConfig, explanation: Explanation) -> BestConfig:
    """Compose the experiment file as a user would, and compare it with the explanation, placeholders included."""
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        write_atomic(Path(folder, EXPERIMENT_GROUP, f"{EXPERIMENT_NAME}.yaml"), config.experiment)
        again = explain([*config.program, *_experiment_arguments(folder, config.has_experiment_group)])
    wrong = tuple(wrong_keys(again.composed.config, explanation.composed.config))
    if not wrong:
        return config
    shortfall = (
        f"as an experiment this file does not give {', '.join(wrong)}: the app's defaults list has entries after its "
        "experiment, or the command line deletes keys; use the overrides instead"
    )
    note = comment(f"NOTE: {shortfall}.")
    return dataclasses.replace(config, shortfall=shortfall, experiment=f"{config.experiment}{note}\n")
