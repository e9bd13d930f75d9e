"""The pipeline step `tune`: creates the job, watches it until it ends, and writes the finished document."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob, save_job
from hydra_vertex.job.preference import PARAMETER, with_preference
from hydra_vertex.launcher.capacity.rungs import Rung, load_ladder, on_rung_parameters
from hydra_vertex.launcher.capacity.shortage import RungWatch
from hydra_vertex.launcher.confirm.settings import ConfirmSettings
from hydra_vertex.launcher.cost.service_clock import ServiceClock
from hydra_vertex.launcher.decisions import ON_UNSUCCESSFUL_JOB, SELECT
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.study.client import connect, limits_for
from hydra_vertex.launcher.study.ending import places_of, problem_of
from hydra_vertex.launcher.study.stop_signals import StopSignals
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.errors import DocumentError, StudyError
from hydra_vertex.protocol.executor import ExecutorInput

from .climb import Climb, require_one_endpoint
from .confirm import confirm, confirm_settings, provide_output
from .own_service import own_service, step_engine
from .pipeline_run import in_its_place, require_place
from .step import one_of, run_step
from .tune_input import endpoint_of, existing_job, write_output
from .tuning_run import TuningRun

_TO_GO_ON = "\nTo go on with what was measured: --on-unsuccessful-job select (the parameter on_unsuccessful_job)"

_WITHOUT_REPEATS = "To select by the study's own values: leave --confirm out (the parameter confirm)"


def tune(given: ExecutorInput) -> None:
    """Tune an app with a Vertex AI HyperparameterTuningJob, or with a service that has the same API.

    The step has exactly one job, also when it is started again: see `study.one_job`. SIGTERM, which a cancelled
    pipeline sends to its steps, cancels the job, also while it is being created; so does Ctrl-C, unless the service is
    on this machine, where a later run continues the job. With `on_stop` detach a signal leaves the job running. A job
    that the step did not create (`existing_job`, `attach`) is not cancelled by a signal; a job of `existing_job` is
    ended at the step's spending limits, which are not applied to one of `attach`.
    Raises Interrupted after a signal, and StudyError when the job did not succeed, unless `on_unsuccessful_job` is
    `select`. The job's last known state is written in every case. With `confirm`, the best configurations are then
    repeated by a second job, for which the same holds. With `engine` the step has a service of its own.
    """
    engine = step_engine(given)
    if engine is not None or given.text("api_endpoint").startswith("http://"):
        given = in_its_place(given)
    require_place(given)
    goes_on = one_of(given, "on_unsuccessful_job", ON_UNSUCCESSFUL_JOB) == SELECT
    repeats = confirm_settings(given)
    provide_output(given)
    with StopSignals().armed() as signals:
        if engine is None:
            _tune(given, repeats, signals, goes_on=goes_on)
            return
        with own_service(given, engine) as served:
            _tune(served, repeats, signals, goes_on=goes_on)


def _tune(given: ExecutorInput, repeats: ConfirmSettings | None, signals: StopSignals, *, goes_on: bool) -> None:
    run = _run_of(given, signals)
    try:
        job = run.finished_job()
    finally:
        if run.last_state is not None:
            save_job(with_preference(run.last_state, given.text(PARAMETER)), given.outputs["job"].path)
    write_output(run.given, job.name)
    _require_success(job, run.spending_end, goes_on=goes_on, is_local=run.is_local)
    if repeats is not None:
        repeated = confirm(given, job, repeats, signals, run.spending_end)
        limit = repeated.stopping_reason
        _require_success(repeated, limit, goes_on=goes_on, is_local=run.is_local, advice=_after_repeats(repeated))


def _after_repeats(job: HyperparameterTuningJob) -> str:
    """Return the advice when the repeats did not succeed; there is nothing to go on with when none is measured."""
    is_measured = any(trial.final_measurement is not None for trial in job.trials)
    return f"{_TO_GO_ON}. {_WITHOUT_REPEATS}" if is_measured else f"\n{_WITHOUT_REPEATS}"


def _require_success(
    job: HyperparameterTuningJob, limit: str, *, goes_on: bool, is_local: bool, advice: str = _TO_GO_ON
) -> None:
    """Raise StudyError when the job did not succeed, unless it ended at a limit of the user, or `goes_on`."""
    if limit:
        print(f"tune: {limit}; the pipeline goes on with what was measured", file=sys.stderr)
        return
    # A trial's own output, which may have secrets, is the reason of its failure.
    problem = masker_of(job, os.environ).text(problem_of(job))
    if problem and not goes_on:
        raise StudyError("\n".join([f"{problem}{advice}", *(() if is_local else places_of(job))]))
    if problem:
        print(f"tune: {one_line(problem)}; the pipeline goes on with what was measured", file=sys.stderr)


def _run_of(given: ExecutorInput, signals: StopSignals) -> TuningRun | Climb[TuningRun]:
    endpoint, rungs = given.text("api_endpoint"), load_ladder(given.text("capacity_ladder"))
    if not rungs or existing_job(given):
        service = connect(given.text("location"), endpoint, check=signals.check)
        return TuningRun(given, service, signals, limits_for(endpoint))
    if mode := given.text("attach"):
        raise DocumentError("attach", f"is {mode!r}, and capacity_ladder is given; give one of them")
    require_one_endpoint(rungs, endpoint)
    return Climb(given, rungs, lambda rung, number: _run_on(given, signals, rung, number))


def _run_on(given: ExecutorInput, signals: StopSignals, rung: Rung, number: int) -> TuningRun:
    endpoint = given.text("api_endpoint")
    there = replace(given, parameters=on_rung_parameters(given.parameters, rung, number))
    service = connect(rung.location, endpoint, check=signals.check)
    watched = RungWatch(rung, number, ServiceClock(endpoint_of(there)).now, service.has_started)
    return TuningRun(there, service, signals, limits_for(endpoint), watched)


if __name__ == "__main__":
    sys.exit(run_step("tune", tune))
