"""Builds the config of a finished job's best trial: experiment file, overrides, and difference from the defaults."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from hydra_vertex.job import HyperparameterTuningJob, IntegerRange, StudySpec, Trial, walk_parameters
from hydra_vertex.launcher.preflight.ask_app import App, asking
from hydra_vertex.launcher.preflight.job_builder import app_in, file_override_count, value_options_in
from hydra_vertex.launcher.secrets.masker import Masker, secrets_in_arguments
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.secrets.shell import shell_command
from hydra_vertex.protocol.command import parameter_argument
from hydra_vertex.protocol.errors import CommandError, UserError
from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, Explanation

from .against_defaults import AgainstDefaults, against_defaults
from .candidates import Candidate, candidate, experiment_arguments, forms, mismatch
from .experiment_file import Difference, comment, differences, experiment_file
from .members import Member, heading_lines, rule_of, text_of, values_of
from .own_arguments import StudyArguments, study_part
from .selection import Choice, pareto_set, select_best
from .withheld import Withheld

Heading: TypeAlias = tuple[str, ...]
"""The comments at the top of an experiment file."""


@dataclass(frozen=True, slots=True)
class BestConfig:
    """The best trial, and its config as overrides and as an experiment file.

    `value` is its objective: that of the job, or of the choice that was made by other values.

    `overrides` appended to the app's own command (`app`) give the trial's config. `experiment`, selected with `program`
    and the overrides in `retyped`, gives it too, unless `shortfall` states why it does not: an app whose defaults list
    has `_self_` after its experiment ignores the file. `overrides`, `retyped` and `app` contain the secrets that a run
    needs; `experiment` and `differences` contain none: `withheld` lists the keys whose values the file lacks, and
    `mask` replaces secrets in other texts. `against_defaults` is None unless a trial has the default values. `values`
    are those of all objectives, `value` is the first. With several, `rule` says how the trial was selected from the
    Pareto set, and `pareto` has its members, this trial included.
    """

    trial: Trial
    value: float
    app: tuple[str, ...]
    program: tuple[str, ...]
    retyped: tuple[str, ...]
    overrides: tuple[str, ...]
    experiment: str
    differences: tuple[Difference, ...]
    has_experiment_group: bool
    mask: Masker
    withheld: tuple[Withheld, ...] = ()
    shortfall: str = ""
    against_defaults: AgainstDefaults | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    rule: str = ""
    pareto: tuple[Member, ...] = ()

    def command_with(self, config_dir: str) -> str:
        """Return the shell command that runs the app with the experiment file `config_dir`/experiment/best.yaml.

        Each secret is a shell variable in it; a comment at its end lists these variables.
        """
        if self.shortfall:
            return self.command_with_overrides()
        words = experiment_arguments(config_dir, self.retyped, has_group=self.has_experiment_group)
        command = shell_command([*self.program, *words], self.mask)
        return str(command.with_values({w.key: w.variable for w in self.withheld if w.is_gap and w.variable}))

    def command_with_overrides(self) -> str:
        """Return the shell command that runs the app with the best config, given as overrides."""
        return str(shell_command([*self.app, *self.overrides], self.mask))


def best_config(
    job: HyperparameterTuningJob,
    app: Sequence[str] = (),
    *,
    with_command: bool = False,
    choice: Choice | None = None,
    prefer: str = "",
) -> BestConfig:
    """Select the best trial and compose its config with the app, in one process of the app.

    `app` is the app's command; when empty it is read from the job's container command. The experiment file is composed
    once more and compared with the trial's config; `shortfall` lists the keys in which the two differ. It holds what
    the study set, and `with_command` also what the command set. `choice` is the trial to take; None selects the best by
    the job's own values. With several objectives the whole Pareto set is composed; `prefer` is the objective that
    decides within it (`selection.rank`). Raises StudyError when no trial can be selected, CommandError when the job
    does not contain the app's command, UserError when the app refuses its arguments, and AppError when the app fails.
    """
    trial = select_best(job, prefer) if choice is None else choice.trial
    command = _command(job, tuple(app))
    parameters = trial_arguments(job.study_spec, trial)
    with asking(command, options=value_options_in(job)) as pending:
        dialogue = pending.connected()
        explanation = dialogue.explain(parameters)
        mask = masker_of(job, os.environ, list(secrets_in_arguments(command)), explanation.composed.config)
        study = study_part(explanation, len(parameters), file_override_count(job))
        members = pareto_set(job, prefer) if job.study_spec.has_several_objectives else ()
        rule = rule_of(job, prefer)
        remarks = tuple(mask.text(text) for text in (choice.remarks if choice else ()))
        heading = (*_heading(job, trial, mask, len(members), rule), *remarks)
        written = _written(dialogue, explanation, study, heading, mask, with_command=with_command)
        others = [
            _member(dialogue, job, member, command, len(members), with_command=with_command)
            for member in members
            if member.id != trial.id
        ]
    return BestConfig(
        trial=trial,
        value=_value(job, trial) if choice is None else choice.value,
        app=command,
        program=explanation.program,
        retyped=written.candidate.form.retyped,
        overrides=explanation.overrides,
        experiment=written.text,
        differences=tuple(
            Difference(d.key, mask.value(d.key, d.default), mask.value(d.key, d.best)) for d in differences(explanation)
        ),
        has_experiment_group=EXPERIMENT_GROUP in explanation.app_default.choices,
        mask=mask,
        withheld=written.candidate.withheld,
        shortfall=written.shortfall,
        against_defaults=against_defaults(job, trial),
        values=values_of(job, trial),
        rule=rule,
        pareto=(Member(trial, written.text, explanation.overrides), *others) if members else (),
    )


def _member(
    app: App, job: HyperparameterTuningJob, trial: Trial, command: Sequence[str], count: int, *, with_command: bool
) -> Member:
    """Compose the config of a member of the Pareto set that the rule did not select."""
    parameters = trial_arguments(job.study_spec, trial)
    explanation = app.explain(parameters)
    mask = masker_of(job, os.environ, list(secrets_in_arguments(command)), explanation.composed.config)
    study = study_part(explanation, len(parameters), file_override_count(job))
    heading = _heading(job, trial, mask, count, "")
    written = _written(app, explanation, study, heading, mask, with_command=with_command)
    return Member(trial, written.text, explanation.overrides)


@dataclass(frozen=True, slots=True)
class _Written:
    candidate: Candidate
    text: str
    shortfall: str = ""


def _written(
    app: App, explanation: Explanation, study: StudyArguments, heading: Heading, mask: Masker, *, with_command: bool
) -> _Written:
    """Write the file in the first form that gives the trial's config; else in the last one, with a note."""
    first: UserError | None = None
    last: _Written | None = None
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        for form in forms(explanation, study, with_command=with_command):
            try:
                found = candidate(app, explanation, study, form, mask)
            except UserError as error:
                first = first or error
                continue
            text = experiment_file(found.content, (*heading, *(item.comment() for item in found.withheld)))
            wrong = mismatch(app, explanation, form, text, found.content.config, Path(folder))
            if not wrong:
                return _Written(found, text)
            shortfall = _shortfall(wrong)
            last = _Written(found, f"{text}{comment(f'NOTE: {shortfall}.')}\n", shortfall)
    if last is None:
        raise first or UserError("the app does not accept its own command")
    return last


def _shortfall(wrong: Sequence[str]) -> str:
    return (
        f"as an experiment this file does not give {', '.join(wrong)}: the app's defaults list has entries after its "
        "experiment, or the command line deletes keys; use the overrides instead"
    )


def _heading(job: HyperparameterTuningJob, trial: Trial, mask: Masker, count: int, rule: str) -> Heading:
    first = f"Trial {trial.id} of {job.display_name}: {text_of(values_of(job, trial))}"
    compared = against_defaults(job, trial)
    against = () if compared is None else (f"{compared.text[0].upper()}{compared.text[1:]}",)
    return tuple(mask.text(line) for line in (first, *against, *heading_lines(job, count, rule)))


def _value(job: HyperparameterTuningJob, trial: Trial) -> float:
    value = trial.objective(job.study_spec.objective.id)
    assert value is not None  # noqa: S101 - select_best takes only trials that have one
    return value


def _command(job: HyperparameterTuningJob, app: tuple[str, ...]) -> tuple[str, ...]:
    """Return the app's command with the search file's overrides, which the job has at the end of its command."""
    if not app:
        return command_in(job)
    in_job, count = app_in(job) or (), file_override_count(job)
    of_file = in_job[len(in_job) - count :] if count else ()
    return app if app[len(app) - len(of_file) :] == of_file else (*app, *of_file)


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
