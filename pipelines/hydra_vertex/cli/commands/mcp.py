"""`hydra-vertex mcp`: serves check, explain, run, watch, best, report as tools of an agent, over stdin and stdout."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path, seconds, whole_number
from hydra_vertex.protocol.errors import OutputError

from .study_options import add_json_option, add_parser


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "mcp",
        "serve tools for an agent over stdin and stdout, by the Model Context Protocol",
        "hydra-vertex mcp --root ~/project --allow-run --max-trials 20 --max-time 1h -- python train.py",
        "[options] [-- python train.py [ARGUMENT ...]]",
    )
    parser.add_argument(
        "--root",
        type=file_path,
        default=Path(),
        metavar="DIR",
        help="folder that tools are confined to; the app is started in it (default: this folder)",
    )
    parser.add_argument(
        "--allow-run", action="store_true", help="tools may start trials and write files below the root"
    )
    parser.add_argument(
        "--allow-vertex",
        action="store_true",
        help="tools may read jobs of Vertex AI with your credentials; no tool starts one",
    )
    limits = parser.add_argument_group("limits that no tool call exceeds")
    limits.add_argument(
        "--max-trials", type=whole_number(1), default=20, metavar="N", help="trials of all runs (default: 20)"
    )
    limits.add_argument(
        "--max-parallel", type=whole_number(1), default=2, metavar="N", help="trials at once in a run (default: 2)"
    )
    limits.add_argument("--max-runs", type=whole_number(1), default=1, metavar="N", help="runs at once (default: 1)")
    limits.add_argument(
        "--max-time", type=seconds, default=3600.0, metavar="TIME", help="time of a run, such as 30m (default: 1h)"
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stdin closes. With --json, only print what the server would allow. Raises OutputError."""
    from hydra_vertex.cli.mcp.rules import Rules

    root = arguments.root.expanduser().resolve()
    if not root.is_dir() or not os.access(root, os.R_OK | os.X_OK):
        raise OutputError(f"--root {arguments.root}: is not a folder that can be read; give the folder of the app")
    rules = Rules(
        root,
        arguments.app,
        allow_run=arguments.allow_run,
        allow_vertex=arguments.allow_vertex,
        max_trials=arguments.max_trials,
        max_parallel=arguments.max_parallel,
        max_runs=arguments.max_runs,
        max_time_s=arguments.max_time,
    )
    if arguments.json:
        from hydra_vertex.cli.mcp.tools import tools_for

        show_document("mcp", {"root": str(root), "tools": [tool.document() for tool in tools_for(rules)]})
        return 0
    from hydra_vertex.cli.mcp.server import serve

    serve(rules)
    return 0
