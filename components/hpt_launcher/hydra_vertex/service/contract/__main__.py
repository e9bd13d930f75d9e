"""Command line of the contract checks: `python -m hydra_vertex.service.contract --rest URL [--grpc HOST:PORT]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hydra_vertex.protocol.errors import HydraVertexError
from hydra_vertex.protocol.service_token import TOKEN_VARIABLE
from hydra_vertex.service.access.token import read_token

from . import Endpoint, Verdict, all_checks, run_checks


def main(argv: list[str] | None = None) -> int:
    """Run every check and print one line for each. Returns the exit code: 1 when a check is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m hydra_vertex.service.contract",
        description="Check a tuning service on this machine against what Google's clients expect of Vertex AI.",
    )
    parser.add_argument("--rest", required=True, metavar="URL", help="REST address, such as http://127.0.0.1:8080")
    parser.add_argument("--grpc", default="", metavar="HOST:PORT", help="gRPC address (default: no gRPC checks)")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"the service's token (default: ${TOKEN_VARIABLE})"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="run only checks whose name contains this text")
    arguments = parser.parse_args(argv)
    try:
        token = read_token(arguments.token_file, os.environ.get(TOKEN_VARIABLE))
    except HydraVertexError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    endpoint = Endpoint(arguments.rest.rstrip("/"), arguments.grpc, token or "")
    broken = False
    for finding in run_checks(endpoint, [check for check in all_checks() if arguments.only in str(check)]):
        broken = broken or finding.verdict is Verdict.BROKEN
        reason = f" ({finding.reason})" if finding.reason else ""
        print(f"{finding.verdict.value:8}{finding.duration_s:6.1f} s  {finding.check}{reason}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
