"""Runs a launcher step as the command of a KFP container component."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from hydra_vertex.launcher.files.disk_space import NO_SPACE_EXIT_CODE, is_no_space
from hydra_vertex.launcher.secrets.masker import masker, secrets_in_document
from hydra_vertex.launcher.text.terminal import printable
from hydra_vertex.protocol.errors import DocumentError, HydraVertexError, Interrupted, StudyError
from hydra_vertex.protocol.executor import ExecutorInput, parse_executor_input

_AGAIN_S = 5.0
"""The step may handle the error of the time limit as one of its own, so the error is raised again after this time."""


def run_step(
    name: str,
    step: Callable[[ExecutorInput], None],
    argv: Sequence[str] | None = None,
    limit_s: float | None = None,
) -> int:
    """Parse `--executor_input` and run the step. An error is printed in one line; its exit code is returned.

    `limit_s` is a time limit for a step that does not wait for a job: KFP has none. None is no limit.
    """
    parser = argparse.ArgumentParser(prog=f"python -m hydra_vertex.launcher.steps.{name}", description=step.__doc__)
    parser.add_argument("--executor_input", required=True, help="the ExecutorInput that KFP inserts for {{$}}")
    arguments = parser.parse_args(argv)
    try:
        with _time_limit(limit_s):
            step(parse_executor_input(arguments.executor_input))
    except HydraVertexError as error:
        _print_error(f"{name}: {error}")
        return NO_SPACE_EXIT_CODE if is_no_space(error) else error.exit_code
    except OSError as error:
        # An OSError comes from reading or writing files: network errors are raised as ServiceError.
        _print_error(f"{name}: {error.filename or step.__name__}: {error.strerror or error}")
        return NO_SPACE_EXIT_CODE if is_no_space(error) else HydraVertexError.exit_code
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0


@contextlib.contextmanager
def _time_limit(limit_s: float | None) -> Iterator[None]:
    if limit_s is None:
        yield
        return

    def end(_signum: int, _frame: FrameType | None) -> None:
        raise StudyError(f"has not ended within {limit_s:g} s; start it again, its inputs are kept")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, limit_s, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def one_of(given: ExecutorInput, name: str, allowed: Sequence[str]) -> str:
    """Return a parameter that is one of these words; the first, when it is empty. Raises DocumentError."""
    wanted = given.text(name) or allowed[0]
    if wanted not in allowed:
        raise DocumentError(
            name, f"expected one of {', '.join(word or repr(word) for word in allowed)}, got {wanted!r}"
        )
    return wanted


def _print_error(text: str) -> None:
    mask = masker(secrets_in_document(dict(os.environ)))
    print(printable(mask.text(text)), file=sys.stderr)
