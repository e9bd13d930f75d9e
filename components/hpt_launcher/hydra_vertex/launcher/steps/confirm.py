"""Repeats the best configurations of a study with several seeds, at the end of the tuning step."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob, StudySpec, dump_study_spec, save_job
from hydra_vertex.job.confirmation import CONFIRMS_LABEL, job_id
from hydra_vertex.launcher.best.selection import ended_without_success
from hydra_vertex.launcher.confirm.job import confirmation_job
from hydra_vertex.launcher.confirm.result import confirmation_of
from hydra_vertex.launcher.confirm.settings import ConfirmSettings, load_settings
from hydra_vertex.launcher.confirm.text import sentences
from hydra_vertex.launcher.cost.limits import parse_limits
from hydra_vertex.launcher.cost.service_clock import ServiceClock
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.study.client import JobService, connect, limits_for
from hydra_vertex.launcher.study.one_job import RUN_LABEL, run_label
from hydra_vertex.launcher.study.plain_http import is_on_this_machine
from hydra_vertex.launcher.study.stop_signals import StopRequestedError, StopSignals
from hydra_vertex.launcher.study.study_key import with_study_key
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, Interrupted
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.protocol.files import write_atomic

from .tune_input import endpoint_of, run_id
from .tuning_run import TuningRun

OUTPUT = "confirmation"
"""The step's output: the job that has repeated the configurations; an empty file when none was wanted."""
STEP_LABEL = "hydra_vertex_confirmed_by"
"""The label of the repeats' job with the id of the step's run that has created it."""


def confirm_settings(given: ExecutorInput) -> ConfirmSettings | None:
    """Return what is to be repeated; None for nothing. Raises DocumentError, also without the output for the result."""
    settings = load_settings(given.text("confirm"))
    if settings is not None and OUTPUT not in given.outputs:
        raise DocumentError("confirm", f"is given, and the step has no output {OUTPUT}; compile the pipeline again")
    return settings


def provide_output(given: ExecutorInput) -> None:
    """Create the file of the output, which the next step reads in any case."""
    if OUTPUT in given.outputs and not given.outputs[OUTPUT].path.exists():
        write_atomic(given.outputs[OUTPUT].path, "")


def confirm(
    given: ExecutorInput, study: HyperparameterTuningJob, settings: ConfirmSettings, signals: StopSignals, limit: str
) -> HyperparameterTuningJob:
    """Run the repeats of a study that has ended, and return their ended job.

    As the study, they have exactly one job, also when the step is started again; a signal has the same meaning. A job
    that did not succeed is replaced by the step of another run. At a
    spending limit, for which the study counts too, they end early or are not started; the job's `stopping_reason` says
    so. `limit` is the spending limit for which the study has ended; empty for none. The job's last known state is
    written in every case. Raises as the tuning step does.
    """
    wanted = _labelled(with_study_key(confirmation_job(study, settings)), run_id(given))
    if limit:
        return _not_started(given, wanted, limit)
    service = connect(_location(study), given.text("api_endpoint"), check=signals.check)
    earlier, address = _earlier(service, study, wanted)
    if reached := _reached_limit(given, study, earlier):
        return _not_started(given, earlier[-1] if earlier else wanted, reached)
    run = ConfirmationRun(_own_input(given, study, address), service, signals, _in_own_folder(wanted, address))
    run.add_earlier((study, *earlier))
    _say(f"{wanted.max_trial_count} repeats of the best configurations, {wanted.parallel_trial_count} at once")
    try:
        job = run.finished_job()
    finally:
        if run.last_state is not None:
            save_job(run.last_state, given.outputs[OUTPUT].path)
    # The command that has started a local service prints the result itself.
    if given.text("engine") or not is_on_this_machine(given.text("api_endpoint")):
        for sentence in sentences(confirmation_of(study, job)):
            _say(masker_of(job, os.environ).text(sentence))
    return job


def _labelled(job: HyperparameterTuningJob, run: str) -> HyperparameterTuningJob:
    return replace(job, labels={**job.labels, STEP_LABEL: run})


def _in_own_folder(job: HyperparameterTuningJob, address: str) -> HyperparameterTuningJob:
    """Return the job with an output folder that no other job of repeats has: a trial resumes from what its folder has.

    The trials of other repeats of the study have the same ids, and other configurations and seeds.
    """
    spec = job.trial_job_spec
    if not spec.base_output_uri:
        return job
    digest, number = address.rsplit("/", 2)[1:]
    own = replace(spec, base_output_uri=f"{spec.base_output_uri}/{digest}/{number}")
    return replace(job, trial_job_spec=own)


class ConfirmationRun(TuningRun):
    """The run of a job that is known already. The step's output names the study's job, and not this one."""

    after_equal_failures = (
        "Give seeds that the app accepts (--first-seed), or leave --confirm out to select by the study's own values."
    )

    def __init__(
        self, given: ExecutorInput, service: JobService, signals: StopSignals, job: HyperparameterTuningJob
    ) -> None:
        super().__init__(given, service, signals, limits_for(given.text("api_endpoint")))
        self._job = job

    def _requested(self) -> HyperparameterTuningJob:
        return self._job

    def _write_name(self) -> None:
        """Write nothing."""


def _own_input(given: ExecutorInput, study: HyperparameterTuningJob, address: str) -> ExecutorInput:
    """Return the input of a step that has only the repeats' job. `address` is the address from which its id is made."""
    own = {"existing_job": "", "attach": "", "location": _location(study), "project": study.name.split("/")[1]}
    output = replace(given.outputs[OUTPUT], uri=address)
    return replace(given, parameters={**given.parameters, **own}, outputs={"job": output}, output_parameters={})


def _reached_limit(
    given: ExecutorInput, study: HyperparameterTuningJob, earlier: Sequence[HyperparameterTuningJob]
) -> str:
    """Return the spending limit that the study and earlier repeats have reached; empty for none."""
    limits = parse_limits(given.text("max_cost"), given.text("max_worker_hours"), given.text("hourly_prices"))
    return limits.reached(study, ServiceClock(endpoint_of(given)).now(), earlier) if limits else ""


def _earlier(
    service: JobService, study: HyperparameterTuningJob, wanted: HyperparameterTuningJob
) -> tuple[list[HyperparameterTuningJob], str]:
    """Return the jobs of equal repeats that ended without success, and the address of the job to run or to follow.

    Raises Interrupted after a signal.
    """
    label = f'labels.{CONFIRMS_LABEL}="{job_id(study.name)}"'
    try:
        return _of_address(
            service, service.list(study.name.rpartition("/hyperparameterTuningJobs/")[0], label), study, wanted
        )
    except StopRequestedError as error:
        raise Interrupted(
            f"{error} before the repeats. Those of an earlier start of this step may go on: list the jobs with {label}"
        ) from error


def _of_address(
    service: JobService,
    jobs: Sequence[HyperparameterTuningJob],
    study: HyperparameterTuningJob,
    wanted: HyperparameterTuningJob,
) -> tuple[list[HyperparameterTuningJob], str]:
    failed: list[HyperparameterTuningJob] = []
    while True:
        address = f"{study.name}/confirmation/{_digest(wanted.study_spec)}/{len(failed) + 1}"
        found = [job for job in jobs if job.labels.get(RUN_LABEL) == run_label(address)]
        if not all(ended_without_success(job) and not _is_of_step(job, wanted) for job in found) or not found:
            return failed, address
        # A list need not have the trials, whose times count for the spending limits.
        failed.append(service.get(found[0].name))


def _is_of_step(job: HyperparameterTuningJob, wanted: HyperparameterTuningJob) -> bool:
    """Whether this step has created the job, also in an earlier start. What fails is not paid for again then."""
    return job.labels.get(STEP_LABEL) == wanted.labels[STEP_LABEL]


def _digest(spec: StudySpec) -> str:
    document = json.dumps(dump_study_spec(spec))
    return hashlib.sha256(document.encode()).hexdigest()[:12]


def _not_started(given: ExecutorInput, job: HyperparameterTuningJob, reason: str) -> HyperparameterTuningJob:
    """Write the job as it would have been, or as it has ended before, with the limit as the reason."""
    job = replace(job, stopping_reason=reason)
    save_job(job, given.outputs[OUTPUT].path)
    _say(f"no {'further ' if job.trials else ''}repeats of the best configurations: {reason}")
    return job


def _location(study: HyperparameterTuningJob) -> str:
    """Return the location of the study, which is that of a rung when the step has a capacity ladder."""
    return study.name.split("/")[3]


def _say(text: str) -> None:
    print(f"tune: {one_line(text)}", file=sys.stderr)
