"""The report as a live page: its document, and its sections, with the state of the live parts as one more section."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import urlencode

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState
from hydra_vertex.launcher.best.selection import rank, trial_order
from hydra_vertex.launcher.confirm.result import Confirmation, confirmation_of
from hydra_vertex.launcher.logs import StudyLogs
from hydra_vertex.launcher.report.live_page import LivePage
from hydra_vertex.launcher.text.terminal import excerpt, printable
from hydra_vertex.protocol.errors import HydraVertexError
from hydra_vertex.protocol.json import Json

from .feed import Feed, Reading
from .gate import QUERY

LIVE = "live"
"""The section of the live parts, which `live.js` keeps for itself."""
REFRESH_S = 2
_WAITING = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{refresh_s}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'">
<title>Waiting for the study</title>
<style>:root {{ color-scheme: light dark }} body {{ font: 16px/1.5 system-ui, sans-serif; margin: 4rem auto;
max-width: 40rem; padding: 0 1rem }}</style>
</head>
<body><main><h1>Waiting for the study</h1><p role="status">{text}</p></main></body>
</html>
"""
_RUNNING = {TrialState.ACTIVE, TrialState.STOPPING}


class ReportRenderer:
    """Computes the page of one feed. `token` is the server's; `name` is the job's in a list of jobs, else empty."""

    def __init__(self, feed: Feed, token: str, name: str = "") -> None:
        self._abilities = feed.abilities
        self._token = token
        self._last: Mapping[str, Json] = {}
        self._query = urlencode({QUERY: token, **({"job": name} if name else {})})

    def page(self, reading: Reading, version: int) -> str:
        """Return the document; one that loads itself again while there is no study to show."""
        job = _at_present(reading)
        if job is None or not job.study_spec.metrics:
            return _WAITING.format(refresh_s=REFRESH_S, text=html.escape(_waiting_text(reading)))
        from hydra_vertex.launcher.report.page import render_page

        best, confirmation = _best(job, reading.repeats)
        return render_page(
            job,
            best=best,
            overrides=(),
            reproduce="",
            title=None,
            prices=self._abilities.prices,
            confirmation=confirmation,
            machines=reading.machines,
            logs=StudyLogs(note=self._abilities.without_log),
            live=LivePage(settings=self._settings(reading, version), can_stop=self._abilities.stops_trials),
        )

    def sections(self, reading: Reading) -> Mapping[str, Json]:
        """Return the sections of the report, and the one of the live parts; only the latter while there is no study."""
        try:
            self._last = self._drawn(reading)
        except Exception as error:
            # The study goes on; its page says why it does not.
            problem = f"the page cannot be drawn ({type(error).__name__}: {excerpt(str(error))})"
            live: Json = {**_live(reading), "problem": problem}
            return {**self._last, LIVE: live}
        return self._last

    def _drawn(self, reading: Reading) -> Mapping[str, Json]:
        job = _at_present(reading)
        if job is None or not job.study_spec.metrics:
            return {LIVE: _live(reading)}
        from hydra_vertex.launcher.report.page import page_sections

        best, confirmation = _best(job, reading.repeats)
        found = page_sections(
            job,
            best=best,
            overrides=(),
            reproduce="",
            title=None,
            prices=self._abilities.prices,
            confirmation=confirmation,
            can_stop=self._abilities.stops_trials,
            machines=reading.machines,
            logs=StudyLogs(note=self._abilities.without_log),
        )
        return {**found, LIVE: _live(reading)}

    def _settings(self, reading: Reading, version: int) -> dict[str, Json]:
        able = self._abilities
        return {
            "token": self._token,
            "query": self._query,
            "version": str(version),
            "withoutStop": able.without_stop,
            "hasLogs": able.has_logs,
            "withoutLog": able.without_log,
            LIVE: _live(reading),
        }


def _at_present(reading: Reading) -> HyperparameterTuningJob | None:
    """Return a job that goes on with the present time as its latest, up to which the page draws its running trials.

    Of a service that does not answer it is not known whether they still run: the clocks then stand still.
    """
    job = reading.job
    if job is None or job.state.is_terminal or reading.problem:
        return job
    now = datetime.now(timezone.utc)
    return dataclasses.replace(job, update_time=max(now, job.update_time or now))


def _live(reading: Reading) -> dict[str, Json]:
    """Return what the script of the live parts has to know: which trials have a log, and whether anything runs."""
    job, repeats = reading.job, reading.repeats
    trials = sorted(job.trials, key=trial_order) if job is not None else []
    jobs = [one for one in (job, repeats) if one is not None]
    running: list[Json] = [trial.id for trial in trials if trial.state in _RUNNING]
    return {
        "problem": printable(reading.problem),
        "isRunning": not jobs or any(not one.state.is_terminal for one in jobs),
        "name": "" if job is None else job.name,
        "state": "" if job is None else job.state.value.removeprefix("JOB_STATE_").lower(),
        "running": running,
        "stopping": [trial.id for trial in trials if trial.state is TrialState.STOPPING],
        "trials": len(trials),
    }


def _best(
    job: HyperparameterTuningJob, repeats: HyperparameterTuningJob | None
) -> tuple[Trial | None, Confirmation | None]:
    """Return the trial to mark and the result of the repeats; those that still run have no result to show yet."""
    confirmation = None
    if repeats is not None and repeats.state.is_terminal:
        try:
            confirmation = confirmation_of(job, repeats)
        except HydraVertexError:  # a job that only has the label of one
            confirmation = None
    selected = None if confirmation is None else confirmation.selected
    return next(iter(rank(job)), None) if selected is None else selected.trial, confirmation


def _waiting_text(reading: Reading) -> str:
    if reading.problem:
        return f"{reading.problem}. This page loads itself again."
    if reading.job is not None:
        return f"{reading.job.display_name} has no metric, so there is nothing to rank and to show."
    return "The study has not begun yet. This page shows it by itself."
