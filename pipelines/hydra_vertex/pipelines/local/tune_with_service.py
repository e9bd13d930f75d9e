"""The tuning step in a container: starts the tuning service beside it, whose trials are processes of the container.

python -m hydra_vertex.pipelines.local.tune_with_service --dir DIR --log FILE [--goes-on] [SERVICE OPTION ...]
    -- --executor_input JSON
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra_vertex.launcher.steps.step import run_step
from hydra_vertex.launcher.steps.tune import tune
from hydra_vertex.launcher.text.terminal import printable
from hydra_vertex.protocol import json
from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.protocol.errors import HydraVertexError
from hydra_vertex.protocol.private_files import APP_UMASK, PRIVATE_UMASK
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE
from hydra_vertex.protocol.variables import variable_set

from .run import SERVICE_START_LIMIT_S, existing_job

MODULE = "hydra_vertex.pipelines.local.tune_with_service"


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code of the step. The service has ended its trials when this returns."""
    words = list(sys.argv[1:] if argv is None else argv)
    at = words.index(SEPARATOR)
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__, allow_abbrev=False)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--goes-on", action="store_true")
    given, service_options = parser.parse_known_args(words[:at])
    if APP_UMASK in os.environ:
        os.umask(PRIVATE_UMASK)
    try:
        return _tune(given, service_options, words[-1])
    except HydraVertexError as error:
        print(printable(f"tune: {error}"), file=sys.stderr)
        return error.exit_code


def _tune(given: argparse.Namespace, options: Sequence[str], executor_input: str) -> int:
    from hydra_vertex.service.start import start_service

    with (
        start_service(given.dir, given.log, SERVICE_START_LIMIT_S, options=options) as service,
        variable_set(TOKEN_FILE_VARIABLE, str(service.token_file)),
    ):
        job = existing_job(service.url) if given.goes_on else ""
        try:
            return run_step("tune", tune, ["--executor_input", with_service(executor_input, service.url, job)])
        finally:
            # A second signal must not end the container before the service has ended its trials and recorded them.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)


def with_service(executor_input: str, url: str, job: str) -> str:
    """Return the step's input with the service and the job to go on with, neither of which was known before."""
    document = json.loads(executor_input)
    if not isinstance(document, dict):
        return executor_input
    inputs = dict(document.get("inputs") or {})
    parameters = {**(inputs.get("parameterValues") or {}), "api_endpoint": url, "existing_job": job}
    return json.dumps({**document, "inputs": {**inputs, "parameterValues": parameters}})


if __name__ == "__main__":
    sys.exit(main())
