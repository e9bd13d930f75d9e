"""One run of the tuning step: creates its job, watches it, and decides what a signal or a limit does to it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.launcher.capacity.rungs import RUNG_LABEL
from hydra_vertex.launcher.capacity.shortage import CapacityLackingError, RungWatch, is_refusal_for_capacity
from hydra_vertex.launcher.decisions import DETACH, ON_EQUAL_STUDY, ON_STOP
from hydra_vertex.launcher.files.disk_space import DISKS_VARIABLE, full_disk, watched_folders
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.study.client import JobService
from hydra_vertex.launcher.study.ending import console_page, fails_alike
from hydra_vertex.launcher.study.live_table import StudyDisplay
from hydra_vertex.launcher.study.one_job import RUN_LABEL, OneJob
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.launcher.study.stop_signals import StopRequestedError, StopSignals
from hydra_vertex.launcher.study.study_key import STUDY_LABEL, job_to_use, with_study_key
from hydra_vertex.launcher.study.watch import poll_interval_s, watch
from hydra_vertex.protocol.errors import DocumentError, Interrupted, ServiceError, ServiceUnreachableError, StudyError
from hydra_vertex.protocol.executor import ExecutorInput

from .step import one_of
from .tune_input import existing_job, parent_of, recorded_job, requested_job, run_id, spending_watch, write_output

T = TypeVar("T")

_POLLS_WITH_SEARCH = frozenset({1, 2, 4, 8, 16})
"""The polls at which a second job, from a request that was delivered twice or late, is searched for and cancelled."""


class TuningRun:
    """One run of the step, from the creation of its job to the end of the job."""

    after_equal_failures = "Change the app, or set the number of failed trials that ends a study (--max-failed-trials)."
    """What the user can do when every trial has failed alike."""

    def __init__(
        self,
        given: ExecutorInput,
        service: JobService,
        signals: StopSignals,
        limits: RetryLimits,
        rung: RungWatch | None = None,
    ) -> None:
        self.given = given
        self._given = given
        self._rung = rung
        self._service = service
        self._signals = signals
        self._limits = limits
        self._mode = one_of(given, "attach", ON_EQUAL_STUDY)
        self._detaches = one_of(given, "on_stop", ON_STOP) == DETACH
        self._name = existing_job(given)
        self._is_own = not self._name
        if self._mode and self._name:
            raise DocumentError("attach", f"is {self._mode!r}, and existing_job is given; give one of them")
        # Until `_attach` has found out whose job is recorded, a signal cancels only jobs with this run's label.
        self._name = self._name or ("" if self._mode or rung is not None else recorded_job(given))
        self._is_leaving = False
        self._polls = 0
        self.last_state: HyperparameterTuningJob | None = None
        self._spending = spending_watch(given)
        labels = {} if rung is None else {RUNG_LABEL: str(rung.number)}
        self._one = OneJob(service, parent_of(given), run_id(given), limits, signals.pause, labels)

    def finished_job(self) -> HyperparameterTuningJob:
        """Create the job, unless there is one, and watch it until it ends.

        Raises Interrupted after a signal, and on a rung of a ladder CapacityLackingError.
        """
        return self._with_care(self._created_and_watched)

    def exists(self) -> bool:
        """Whether this run has a job, from an earlier start of the step."""
        return self._one.exists()

    def left_job(self) -> HyperparameterTuningJob | None:
        """Cancel the job, which has no machines, and wait for its end. Return its last state; None without a job."""
        return self._with_care(self._cancelled_and_watched)

    def add_earlier(self, jobs: Sequence[HyperparameterTuningJob]) -> None:
        """Count what ended jobs of the same study have used."""
        self._spending.add_earlier(tuple(jobs))

    def _with_care(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except StopRequestedError as error:
            raise Interrupted(self.stopped(error)) from error
        except ServiceUnreachableError as error:
            if self._is_refused_for_capacity(error):
                raise CapacityLackingError(f"{error}") from error
            raise ServiceUnreachableError(f"{error}. {self._may_go_on()}") from error
        except ServiceError as error:
            if self.last_state is None or self.last_state.state.is_ending:
                raise
            raise ServiceError(f"{error}. {self._may_go_on()}", http_status=error.http_status) from error
        except OSError:
            # Nobody would watch a job whose name cannot be written.
            if self._is_own:
                print(f"tune: {self._cancelled()}", file=sys.stderr)
            raise

    def _created_and_watched(self) -> HyperparameterTuningJob:
        if self._mode and self._is_own:
            self._attach(self._requested())
        if not self._name:
            self.last_state = self._one.create(self._requested())
            self._name = self.last_state.name
        self._write_name()
        job = self.last_state = self._spending.marked(self._watched())
        if self._is_own:
            self._one.cancel_late_ones(self._name)
        return job

    def _requested(self) -> HyperparameterTuningJob:
        """Return the job to create."""
        return with_study_key(requested_job(self._given))

    def _write_name(self) -> None:
        """Write the step's outputs with the job's name, and say where Google Cloud shows the job."""
        write_output(self._given, self._name)
        page = "" if self.is_local else console_page(self._name)
        if page:
            print(f"tune: {self._name}: {page}", file=sys.stderr)

    @property
    def spending_end(self) -> str:
        """The spending limit for which the job was ended; empty when it was not."""
        return self._spending.end

    def _attach(self, wanted: HyperparameterTuningJob) -> None:
        """Take a job with the same study key, unless this run has one; note whether the job is this run's own."""
        if recorded := recorded_job(self._given):
            self._is_own = self._service.get(recorded).labels.get(RUN_LABEL) == run_id(self._given)
            self._name = recorded
            if not self._is_own:
                self._without_limits()
            return
        if self._one.names():
            return
        key = wanted.labels[STUDY_LABEL]
        found = self._service.list(parent_of(self._given), f'labels.{STUDY_LABEL}="{key}"')
        job = job_to_use(found, self._mode, wanted.max_trial_count)
        if job is None:
            print(f"tune: no job to {self._mode} has the study key {key}, so there is a new one", file=sys.stderr)
            return
        self._name, self._is_own = job.name, False
        print(f"tune: {job.name} ({job.state.value}) has the study key {key}; no job is created", file=sys.stderr)
        self._without_limits()

    def _without_limits(self) -> None:
        if self._spending.lift():
            print(
                f"tune: the spending limits are not applied to {self._name}, which this step did not create",
                file=sys.stderr,
            )

    def _cancelled_and_watched(self) -> HyperparameterTuningJob | None:
        self._is_leaving = True
        jobs = [self._watched_to_its_end(name) for name in self._one.cancel(self._name)]
        kept = next((job for job in jobs if job.state is JobState.SUCCEEDED), jobs[-1] if jobs else None)
        self.last_state = kept or self.last_state
        return kept

    def _watched_to_its_end(self, name: str) -> HyperparameterTuningJob:
        self._name = name
        return self._watched()

    def _watched(self) -> HyperparameterTuningJob:
        with StudyDisplay() as display:
            return watch(
                self._service,
                self._name,
                poll_interval_s=poll_interval_s(self._given.text("api_endpoint")),
                on_update=lambda job: self._update(job, display),
                sleep=self._signals.pause,
            )

    def _is_refused_for_capacity(self, error: ServiceUnreachableError) -> bool:
        is_creating = not self._name and not self._is_leaving
        has_next = self._rung is not None and not self._rung.is_last
        return is_creating and has_next and is_refusal_for_capacity(error)

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine."""
        return self._given.text("api_endpoint").startswith("http://")

    def _update(self, job: HyperparameterTuningJob, display: StudyDisplay) -> None:
        self.last_state = job
        display.update(job, _disk_notice(os.environ.get(DISKS_VARIABLE, "")))
        if self._is_leaving:
            return
        if self._rung is not None:
            self._rung.require_capacity(job)
        self._polls += 1
        if self._is_own and self._polls in _POLLS_WITH_SEARCH:
            self._one.cancel_others(self._name)
        if limit := self._spending.newly_reached(job):
            print(f"tune: {limit}; {self._cancelled()}", file=sys.stderr)
        reason = masker_of(job, os.environ).text(fails_alike(job)) if self._is_own else ""
        if reason:
            raise StudyError(
                f"every trial of {self._name} failed alike, so the job is not continued: {self._cancelled()}. "
                f"{self.after_equal_failures} {reason}"
            )

    def stopped(self, error: StopRequestedError) -> str:
        """Cancel the job where that is the meaning of the signal. Return what happens to it."""
        try:
            return self._after_signal(error)
        except StopRequestedError as again:
            return f"{again} a second time, before the service has answered. {self._may_go_on()}"

    def _after_signal(self, error: StopRequestedError) -> str:
        if self._is_leaving:
            return f"{self._cancelled()}, because the ladder leaves it"
        if self._detaches and self._is_own:
            return self._left_running()
        if self._name and (not self._is_own or (self.is_local and error.signum == signal.SIGINT)):
            return f"stopped watching {self._name}; the job continues, and its measurements are kept"
        return f"{self._cancelled()}, because this step was cancelled"

    def _left_running(self) -> str:
        """Return which job goes on after a signal, and how to watch it."""
        try:
            names = [self._name] if self._name else self._one.names()
        except ServiceError as error:
            return f"{self._may_go_on()} ({error})"
        if not names:
            return f"stopped. {self._may_go_on()}"
        endpoint = self._given.text("api_endpoint")
        again = f"hydra-vertex watch {names[0]}{f' --endpoint {endpoint}' if endpoint else ''}"
        unlimited = ", and nothing ends it at its spending limit" if self._spending.has_limits else ""
        return (
            f"stopped watching {names[0]}; the job goes on (on_stop is detach){unlimited}. To watch it again: {again}"
        )

    def _may_go_on(self) -> str:
        """Return what the user can do about a job that nobody watches any more."""
        if not self._name:
            return f"A job with the label {RUN_LABEL}={run_id(self._given)} may exist; list the jobs, and cancel it"
        return f"{self._name} may go on; start the step again to watch it, or cancel it"

    def _cancelled(self) -> str:
        """Cancel the step's job. Return one sentence about what happened to it."""
        try:
            states = self._one.cancel(self._name)
        except ServiceError as error:
            return f"{self._name or 'the job'} could not be cancelled and may go on: {error}"
        ended = [name for name, state in states.items() if state.is_terminal]
        cancelled = [name for name in states if name not in ended]
        sentences = [f"{name} had ended already" for name in ended] + [f"{name} is cancelled" for name in cancelled]
        return ", ".join(sentences) or "no job was created"


def _disk_notice(disks: str) -> str:
    """Return the notice displayed while a disk of a local run is full; the service, which waits, only logs it."""
    full = full_disk(watched_folders(disks))
    if full is None:
        return ""
    return (
        f"{full}: the trials wait, and their measurements are kept. Free some space there to continue, "
        "or press Ctrl-C and run the same command again later"
    )
