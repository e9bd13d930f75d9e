"""`hydra-vertex cancel`: cancels a job and waits until it has ended."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import whole_number
from hydra_vertex.cli.output import show

from .job_options import add_resource_argument, followed_source_from
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.launcher.study.cancel_job import Cancellation
    from hydra_vertex.launcher.study.job_source import JobSource

DEFAULT_WAIT_S = 600
_LONGEST_INTERVAL_S = 5.0


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "cancel",
        "cancel a job and wait until it has ended; exit code 1 when that is not seen in time",
        "hydra-vertex cancel projects/p/locations/europe-west4/hyperparameterTuningJobs/123\n"
        "  hydra-vertex cancel 123 --project p --location europe-west4 --wait 0",
    )
    add_resource_argument(parser)
    parser.add_argument(
        "--wait",
        type=whole_number(0),
        default=DEFAULT_WAIT_S,
        metavar="SECONDS",
        help=f"wait at most so long for the end of the job; 0 only asks for it (default: {DEFAULT_WAIT_S})",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Cancel the job. A job that has ended already is left as it is, and that is said.

    Raises StudyError when the job has not ended after the wait.
    """
    from hydra_vertex.protocol.errors import StudyError

    source = followed_source_from(arguments)
    _require_service(arguments.resource, source)
    ended = _cancelled(source, arguments.wait)
    if arguments.json:
        show_document("cancel", {"name": ended.name, "before": ended.before.value, "after": ended.after.value})
    if arguments.wait and not ended.is_certain:
        raise StudyError(f"{ended.sentence()} after {arguments.wait} s; see `hydra-vertex status {ended.name}`")
    if not arguments.json:
        show(ended.sentence())
    return 0


def _require_service(text: str, source: JobSource) -> None:
    """Raises UserError for the study of a run that no service can be asked to cancel."""
    import os

    from hydra_vertex.launcher.secrets.of_job import masker_of
    from hydra_vertex.protocol.errors import UserError

    from .run_state import stored_run

    run = stored_run(text, source)
    if run is None:
        return
    last = run.last()
    if last.is_running:
        raise UserError(
            f"{run.folder}: the service of its run does not answer from here, as that of a run in containers; stop the "
            f"run itself ({last.holder}) with Ctrl-C, or with SIGTERM"
        )
    how = run.how_to_continue(masker_of(source.job(), os.environ))
    raise UserError(f"{run.folder}: no run is in progress in it, so there is nothing to cancel. {how}")


def _cancelled(source: JobSource, limit_s: float) -> Cancellation:
    """Ask the job to end and wait. Raises Interrupted after Ctrl-C or SIGTERM."""
    from hydra_vertex.launcher.study.cancel_job import request_cancellation, wait_for_end
    from hydra_vertex.launcher.study.stop_signals import StopRequestedError, StopSignals
    from hydra_vertex.launcher.study.watch import poll_interval_s
    from hydra_vertex.protocol.errors import Interrupted

    with StopSignals().armed() as signals:
        service, name = source.connected(signals.check)
        endpoint = source.reference.api_endpoint if source.reference is not None else ""
        asked = None
        try:
            asked = request_cancellation(service, name)
            interval_s = min(poll_interval_s(endpoint), _LONGEST_INTERVAL_S)
            return wait_for_end(service, asked, limit_s=limit_s, poll_interval_s=interval_s, sleep=signals.pause)
        except StopRequestedError as error:
            said = f"it is not known whether {name} was asked to end" if asked is None else asked.sentence()
            raise Interrupted(f"stopped waiting; {said}. See `hydra-vertex status {name}`") from error
