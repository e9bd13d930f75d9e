"""Command-line options of the address on which a service listens, shared by the two commands that start one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from hydra_vertex.protocol.service_token import TOKEN_VARIABLE

from .access.token import read_token
from .address import LOOPBACK, Address


def add_address_options(parser: argparse.ArgumentParser, default_port: int) -> None:
    """Add the options to a parser."""
    parser.add_argument(
        "--port", type=int, default=default_port, metavar="N", help=f"REST port; 0 selects a free port ({default_port})"
    )
    parser.add_argument(
        "--grpc-port", type=int, metavar="N", help=f"serve gRPC too, on {LOOPBACK}; 0 selects a free port (no gRPC)"
    )
    parser.add_argument(
        "--host", default=LOOPBACK, help=f"address of REST; any but a loopback address needs a token ({LOOPBACK})"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"require FILE's token in every request (${TOKEN_VARIABLE})"
    )


def address_of(arguments: argparse.Namespace) -> Address:
    """Return the address that the options specify.

    Raises OutputError when the token's file cannot be read, UserError when the token cannot be used.
    """
    token = read_token(arguments.token_file, os.environ.get(TOKEN_VARIABLE))
    return Address(arguments.port, arguments.grpc_port, arguments.host, token)
