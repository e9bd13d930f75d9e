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

from .job_options import add_resource_argument, source_from
from .page_options import add_page_options, page_beside, wants_page
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.live_page.watched_feed import WatchedFeed
    from hydra_vertex.launcher.study.job_source import JobSource
    from hydra_vertex.protocol.json import JsonObject


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

    has_page = wants_page(arguments)
    source = source_from(arguments)
    lines = _Lines(source) if arguments.json_lines else None
    job = _ended(source)
    if job is not None and (arguments.page or arguments.open):
        say(f"{job.name or source.place} has ended: its page is the one that `hydra-vertex report` writes")
    page = PageWish(has_page, arguments.open)
    job = job or _watched(source, arguments.poll_interval, lines, page)
    mask = masker_of(job, os.environ)
    if lines is not None:
        lines.show(job)
    elif arguments.json:
        show_document("status", status_document(job, mask, is_local=source.is_local))
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
        try:
            with _page(source, name, page) as feed, StudyDisplay() as display:
                show = display.update if lines is None else lines.show

                def on_update(job: HyperparameterTuningJob) -> None:
                    show(job)
                    if feed is not None:
                        feed.update(job)

                return watch(
                    service,
                    name,
                    poll_interval_s=interval_s or poll_interval_s(endpoint),
                    on_update=on_update,
                    sleep=signals.pause,
                )
        except StopRequestedError as error:
            again = ["hydra-vertex", "watch", name, *(["--endpoint", endpoint] if endpoint else [])]
            raise Interrupted(
                f"stopped watching {name}; the job goes on. To watch it again: {shlex.join(again)}"
            ) from error


@contextlib.contextmanager
def _page(source: JobSource, name: str, page: PageWish) -> Iterator[WatchedFeed | None]:
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
    pages, feed = watched_page(name, lambda: source.connected()[0])
    with contextlib.closing(feed), page_beside(lambda: pages, "hydra-vertex watch", opens=page.opens):
        yield feed
