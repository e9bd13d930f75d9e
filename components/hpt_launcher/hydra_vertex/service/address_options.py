"""The options that say where a service listens, for the two commands that start one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .access import TOKEN_VARIABLE, read_token
from .address import LOOPBACK, Address


def add_address_options(parser: argparse.ArgumentParser, default_port: int) -> None:
    """Declare them."""
    parser.add_argument(
        "--port", type=int, default=default_port, metavar="N", help=f"0 takes a free one ({default_port})"
    )
    parser.add_argument(
        "--grpc-port", type=int, metavar="N", help=f"serve gRPC too, on {LOOPBACK}; 0 takes a free port (no gRPC)"
    )
    parser.add_argument("--host", default=LOOPBACK, help=f"where REST is served; needs a token elsewhere ({LOOPBACK})")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"ask every request for the token in it (${TOKEN_VARIABLE})"
    )


def address_of(arguments: argparse.Namespace) -> Address:
    """What the options say. Raises UserError when the token cannot be read or used."""
    token = read_token(arguments.token_file, os.environ.get(TOKEN_VARIABLE))
    return Address(arguments.port, arguments.grpc_port, arguments.host, token)
