"""`hydra-vertex watch`: shows a running job until it ends."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import seconds
from hydra_vertex.cli.output import say, show

from .job_options import add_resource_argument, followed_source_from
from .page_options import add_page_options, page_beside, wants_page
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.live_page.watched_feed import WatchedFeed
    from hydra_vertex.launcher.study.job_source import JobSource
    from hydra_vertex.protocol.json import JsonObject

    from .run_state import StoredRun

FOLDER_INTERVAL_S = 2.0
"""The time between two looks into the folder of a run whose service is out of reach, as in a container."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "watch",
        "show a job until it ends; exit code 0 when it succeeded, 1 when it did not. Ctrl-C ends only the watching",
        "hydra-vertex watch projects/p/locations/europe-west4/hyperparameterTuningJobs/123\n"
        "  hydra-vertex watch runs/docs",
    )
    add_resource_argument(parser)
    parser.add_argument(
        "--poll-interval",
        type=seconds,
        metavar="TIME",
        help="time between two requests, such as 20 or 1m (default: 20; 0.5 for a service on this machine)",
    )
    output = parser.add_mutually_exclusive_group()
    add_json_option(output)
    output.add_argument(
        "--json-lines",
        action="store_true",
        help="print the job as one JSON object a line, now and whenever it has changed, until it has ended",
    )
    add_page_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Watch the job, which is never changed. Raises StudyError when it did not succeed."""
    from datetime import datetime, timezone

    from hydra_vertex.launcher.secrets.of_job import masker_of
    from hydra_vertex.launcher.study.ending import places_of, problem_of
    from hydra_vertex.launcher.study.progress import progress, progress_line
    from hydra_vertex.launcher.study.status import status_document
    from hydra_vertex.protocol.errors import StudyError

    from .run_state import rest_of_run

    has_page = wants_page(arguments)
    source = followed_source_from(arguments)
    lines = _Lines(source) if arguments.json_lines else None
    job = _ended(source)
    if job is not None and (arguments.page or arguments.open):
        say(f"{job.name or source.place} has ended: its page is the one that `hydra-vertex report` writes")
    page = PageWish(has_page, arguments.open)
    left = None
    if job is None:
        job, left = _followed(arguments, source, lines, page)
    mask = masker_of(job, os.environ)
    if lines is not None:
        lines.show(job)
    elif arguments.json:
        show_document("status", status_document(job, mask, is_local=source.is_local))
    if left is not None and not job.state.is_terminal:
        raise StudyError(left.problem(job, mask))
    if rest := rest_of_run(arguments.resource, job, mask):
        say(rest)
    problem = mask.text(problem_of(job))
    if problem:
        is_elsewhere = source.is_local or source.document is not None
        raise StudyError("\n".join([problem, *(() if is_elsewhere else places_of(job))]))
    if not arguments.json and lines is None:
        show(f"{job.name}: {job.state.value}, {progress_line(job, progress(job, datetime.now(timezone.utc)))}")
    return 0


@dataclass(frozen=True, slots=True)
class PageWish:
    """Whether the job's page is served while it is watched, and whether a browser opens it."""

    is_served: bool
    opens: bool


class _Lines:
    """Prints the document of a job on one line, if it has changed."""

    def __init__(self, source: JobSource) -> None:
        self._is_local = source.is_local
        self._last: JsonObject = {}

    def show(self, job: HyperparameterTuningJob) -> None:
        """Print the document, unless it is the one that was printed last."""
        from hydra_vertex.launcher.secrets.of_job import masker_of
        from hydra_vertex.launcher.study.status import status_document

        document = status_document(job, masker_of(job, os.environ), is_local=self._is_local)
        if document != self._last:
            show_document("status", document, on_one_line=True)
            self._last = document


def _ended(source: JobSource) -> HyperparameterTuningJob | None:
    """Return the job of a document in which it has ended, such as that of a finished run; None for any other.

    The service of a finished run does not run, and need not be asked, unless the command names a service.
    """
    job, reference = source.document, source.reference
    is_asked = reference is not None and bool(reference.api_endpoint)
    return job if job is not None and job.state.is_terminal and not is_asked else None


def _followed(
    arguments: argparse.Namespace, source: JobSource, lines: _Lines | None, page: PageWish
) -> tuple[HyperparameterTuningJob, StoredRun | None]:
    """Return the job when it has ended, or when its run is no more in progress; with that run in this case.

    The service of a run ends with it, so the run's folder says how its study ended. Raises Interrupted,
    ServiceUnreachableError.
    """
    from hydra_vertex.protocol.errors import ServiceUnreachableError

    from .run_state import run_folder_of, stored_run

    left = stored_run(arguments.resource, source)
    if left is None:
        try:
            return _watched(source, arguments.poll_interval, lines, page), None
        except ServiceUnreachableError:
            if run_folder_of(arguments.resource) is None or arguments.api_endpoint:
                raise
            source = followed_source_from(arguments)
            if (job := _ended(source)) is not None:
                return job, None
            left = stored_run(arguments.resource, source)
            if left is None:
                raise
    elif page.is_served:
        say(f"{left.folder}: no live page, because no service of it answers; `hydra-vertex report` writes its page")
    return _watched_in_folder(left, source, arguments.poll_interval, lines), left


def _watched_in_folder(
    run: StoredRun, source: JobSource, interval_s: float | None, lines: _Lines | None
) -> HyperparameterTuningJob:
    """Return the newest state of a study from its folder, when it has ended or the run is no more in progress.

    Raises Interrupted after Ctrl-C or SIGTERM.
    """
    from hydra_vertex.launcher.study.live_table import StudyDisplay
    from hydra_vertex.launcher.study.stop_signals import StopRequestedError, StopSignals
    from hydra_vertex.protocol.errors import Interrupted

    job = source.job()
    with StopSignals().armed() as signals, StudyDisplay() as display:
        show = display.update if lines is None else lines.show
        try:
            while (is_running := run.last().is_running) and not job.state.is_terminal:
                show(job)
                signals.pause(interval_s or FOLDER_INTERVAL_S)
                job = run.job() or job
        except StopRequestedError as error:
            raise Interrupted(f"stopped watching {run.folder}; its run goes on") from error
    return job if is_running else run.job() or job


def _watched(
    source: JobSource, interval_s: float | None, lines: _Lines | None, page: PageWish
) -> HyperparameterTuningJob:
    """Return the job when it has ended. Raises Interrupted after Ctrl-C or SIGTERM."""
    from hydra_vertex.launcher.study.live_table import StudyDisplay
    from hydra_vertex.launcher.study.stop_signals import StopRequestedError, StopSignals
    from hydra_vertex.launcher.study.watch import poll_interval_s, watch
    from hydra_vertex.protocol.errors import Interrupted

    with StopSignals().armed() as signals:
        service, name = source.connected(signals.check)
        endpoint = source.reference.api_endpoint if source.reference is not None else ""
        pause_s = interval_s or poll_interval_s(endpoint)
        try:
            with _page(source, name, page, pause_s) as feed, StudyDisplay() as display:
                show = display.update if lines is None else lines.show

                def on_update(job: HyperparameterTuningJob) -> None:
                    show(job)
                    if feed is not None:
                        feed.update(job)

                return watch(
                    service,
                    name,
                    poll_interval_s=pause_s,
                    on_update=on_update,
                    sleep=signals.pause,
                )
        except StopRequestedError as error:
            again = ["hydra-vertex", "watch", name, *(["--endpoint", endpoint] if endpoint else [])]
            raise Interrupted(
                f"stopped watching {name}; the job goes on. To watch it again: {shlex.join(again)}"
            ) from error


@contextlib.contextmanager
def _page(source: JobSource, name: str, page: PageWish, poll_interval_s: float) -> Iterator[WatchedFeed | None]:
    """Serve the job's page during the block. Yields what has to be told of each update; None when nothing has."""
    if not page.is_served:
        yield None
        return
    from hydra_vertex.launcher.live_page.open_pages import job_page, watched_page

    if source.is_local and source.reference is not None:
        of_service = job_page(source.reference.api_endpoint, name)
        with page_beside(lambda: of_service, "hydra-vertex watch", opens=page.opens):
            yield None
        return
    pages, feed = watched_page(name, lambda: source.connected()[0], poll_interval_s)
    with contextlib.closing(feed), page_beside(lambda: pages, "hydra-vertex watch", opens=page.opens):
        yield feed
