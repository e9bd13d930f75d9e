"""How a launcher step runs as a KFP container component."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from hydra_vertex.launcher.terminal import printable
from hydra_vertex.protocol.errors import HydraVertexError, Interrupted
from hydra_vertex.protocol.executor import ExecutorInput, parse_executor_input


def run_step(name: str, step: Callable[[ExecutorInput], None], argv: Sequence[str] | None = None) -> int:
    """Parse `--executor_input`, run the step, and turn an error of ours into one line and its exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m hydra_vertex.launcher.steps.{name}", description=step.__doc__)
    parser.add_argument("--executor_input", required=True, help="the ExecutorInput that KFP puts there for {{$}}")
    arguments = parser.parse_args(argv)
    try:
        step(parse_executor_input(arguments.executor_input))
    except HydraVertexError as error:
        print(f"{name}: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0
