"""Command line of the tuning service: `python -m hydra_vertex.service --dir DIR --port 0`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.errors import HydraVertexError
from hydra_vertex.service.devices.resource_options import add_resource_options, resources_from
from hydra_vertex.service.trials.engines.options import ENGINES, SETTINGS_VARIABLE, THIS_MACHINE, parse_engine

from .address_options import add_address_options, address_of
from .server import Listening, serve
from .start import COUNT_OPTIONS, module_command

if TYPE_CHECKING:
    from hydra_vertex.service.jobs.job_counts import JobCounts


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Return the exit code: 2 when the folder or port cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m hydra_vertex.service",
        description="Serve Vertex AI's tuning API on 127.0.0.1; run trials as child processes in the service's folder.",
    )
    parser.add_argument("--dir", type=Path, required=True, help="folder in which studies are stored")
    add_address_options(parser, default_port=0)
    parser.add_argument("--until-stdin-closes", action="store_true", help="exit when stdin is closed")
    add_resource_options(parser, shared=True)
    parser.add_argument(
        "--pipeline-runner",
        default="",
        metavar="MODULE",
        help="Python module that runs a pipeline job, such as hydra_vertex.pipelines.local.job_runner",
    )
    parser.add_argument("--engine", choices=ENGINES, default=THIS_MACHINE, help=f"where trials run ({THIS_MACHINE})")
    parser.add_argument(
        "--engine-settings", metavar="JSON", help=f"settings of the engine (${SETTINGS_VARIABLE}, else its defaults)"
    )
    for option in COUNT_OPTIONS:
        parser.add_argument(option, type=int, help="new value for the tuning jobs of the folder; all or none of them")
    arguments = parser.parse_args(argv)
    try:
        serve(
            arguments.dir,
            address_of(arguments),
            _announce,
            until_stdin_closes=arguments.until_stdin_closes,
            resources=resources_from(arguments),
            counts=_counts(arguments),
            pipeline_program=module_command(arguments.pipeline_runner),
            engine=parse_engine(arguments.engine, arguments.engine_settings or os.environ.get(SETTINGS_VARIABLE, "{}")),
        )
    except HydraVertexError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _announce(listening: Listening) -> None:
    for line in listening.lines():
        print(line, flush=True)


def _counts(arguments: argparse.Namespace) -> JobCounts | None:
    from hydra_vertex.service.jobs.job_counts import JobCounts

    given = (arguments.max_trial_count, arguments.parallel_trial_count, arguments.max_failed_trial_count)
    return None if None in given else JobCounts(*given)


if __name__ == "__main__":
    sys.exit(main())
