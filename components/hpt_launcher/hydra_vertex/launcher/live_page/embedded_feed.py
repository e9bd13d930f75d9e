"""Studies of an embedded tuning service as sources of a page."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.job.confirmation import CONFIRMS_LABEL, is_confirmation, job_id
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.machines import NO_MACHINES, StudyMachines
from hydra_vertex.protocol.errors import ServiceError

from .embedded_client import ANY_PARENT, COLLECTION, EmbeddedClient
from .feed import Abilities, Feed, Reading
from .log_text import log_text

LISTED = 100
MACHINES_INTERVAL_S = 5.0
"""The shortest time between two requests for the curves of the machines, which are long and change slowly."""
MACHINES_POINTS = 60
_NAME = re.compile(rf"projects/[^/]{{1,100}}/locations/[^/]{{1,100}}/{COLLECTION}/[0-9]{{1,18}}")


class EmbeddedFeed:
    """One study. Without a `name` it is the newest under `parent`, as that of a run whose tuning step creates it."""

    def __init__(self, client: EmbeddedClient, parent: str, name: str = "", prices: Prices | None = None) -> None:
        self.abilities = Abilities(prices=prices or Prices())
        self._client = client
        self._parent = parent
        self._is_given = bool(name)
        self._name = name
        self._last = Reading()
        self._machines_at = float("-inf")

    def read(self) -> Reading:
        """Return the newest state; the last one, with the problem, while the service does not answer."""
        try:
            self._last = self._read()
        except ServiceError as error:
            return replace(self._last, problem=str(error))
        return self._last

    def _read(self) -> Reading:
        listed = self._client.jobs(self._parent, LISTED)
        if not self._is_given:
            newest = next((job for job in listed if not is_confirmation(job)), None)
            self._name = "" if newest is None else newest.name
        if not self._name:
            return Reading()
        job = self._newest(self._last.job, self._name)
        return Reading(job, self._repeats(listed), machines=self._machines(job))

    def _machines(self, job: HyperparameterTuningJob) -> StudyMachines:
        """Return the newest curves, which an older service does not have; the last ones between two requests."""
        known = self._last.machines if self._last.job is not None and self._last.job.name == job.name else NO_MACHINES
        if time.monotonic() - self._machines_at < MACHINES_INTERVAL_S:
            return known
        self._machines_at = time.monotonic()
        try:
            return StudyMachines(self._client.machine_use(job.name, MACHINES_POINTS))
        except ServiceError:
            return known

    def _repeats(self, listed: tuple[HyperparameterTuningJob, ...]) -> HyperparameterTuningJob | None:
        """Return the newest job that repeats the best configurations of the study; None when there is none."""
        wanted = job_id(self._name)
        found = next((job for job in listed if job.labels.get(CONFIRMS_LABEL) == wanted), None)
        return None if found is None else self._newest(self._last.repeats, found.name)

    def _newest(self, known: HyperparameterTuningJob | None, name: str) -> HyperparameterTuningJob:
        """Return a job; one that has ended does not change any more."""
        is_final = known is not None and known.name == name and known.state.is_terminal
        return known if known is not None and is_final else self._client.job(name)

    def log(self, trial_id: str) -> str:
        """Return the end of a trial's log."""
        name, known = self._study(), self._last.job
        # The job says what is secret in its log, also before the page has been read for the first time.
        job = known if known is not None and known.name == name else self._client.job(name)
        return log_text(self._client.log(name, trial_id), job, os.environ)

    def stop_trial(self, trial_id: str, shown: str) -> str:
        """Stop a trial early."""
        self._client.stop_trial(self._shown(shown), trial_id)
        return f"Trial {trial_id} is being stopped; its value is the one that it has reported."

    def stop_study(self, shown: str) -> str:
        """Cancel the study, and its repeats if these run."""
        name = self._shown(shown)
        repeats = self._last.repeats
        if repeats is not None and not repeats.state.is_terminal:
            self._client.cancel(repeats.name)
            return "The repeats are being cancelled; the measurements are kept."
        self._client.cancel(name)
        return "The study is being cancelled; its running trials are ended, and the measurements are kept."

    def _shown(self, shown: str) -> str:
        """Return the study's name. Raises ServiceError when the reader sees another study: a newer one has begun."""
        name = self._study()
        if shown != name:
            raise ServiceError(f"nothing is stopped: the page shows {shown or 'no study'}, and {name} runs; look again")
        return name

    def _study(self) -> str:
        if not self._name:
            raise ServiceError("the study has not begun; try again when it has")
        return self._name


class EmbeddedJobs:
    """All studies of a service."""

    def __init__(self, client: EmbeddedClient) -> None:
        self._client = client

    def jobs(self) -> tuple[HyperparameterTuningJob, ...]:
        """Return the newest jobs, without their trials."""
        return self._client.jobs(ANY_PARENT, LISTED)

    def feed(self, name: str) -> Feed:
        """Return the source of one job. Raises ServiceError for a text that is no job's name."""
        if _NAME.fullmatch(name) is None:
            raise ServiceError(f"{name[:100]!r} is not the name of a tuning job of this service")
        return EmbeddedFeed(self._client, name.partition(f"/{COLLECTION}/")[0], name)
