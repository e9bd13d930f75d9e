"""Runs a command of hydra-vertex in the process of an app: without its import path, log output and stdout."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from hydra_vertex.cli.main import main
from hydra_vertex.protocol.variables import variable_set


def printed_by(words: Sequence[str]) -> str:
    """Run a command of `hydra-vertex` and return what it printed to stdout. Raises SystemExit when it fails."""
    printed = io.StringIO()
    with redirect_stdout(printed), _quiet_libraries(), _without_app_folder():
        code = main(words)
    if code:
        raise SystemExit(code)
    return printed.getvalue()


@contextmanager
def this_python_first() -> Iterator[None]:
    """Find this Python, and the commands installed beside it, under their names without a folder.

    The command of a trial in an image names them so, and the app is checked here with the same command.
    """
    own = str(Path(sys.executable).parent)
    with variable_set("PATH", os.pathsep.join(filter(None, [own, os.environ.get("PATH", "")]))):
        yield


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Leave out the progress that libraries log with the root logger, as kfp does: Hydra's logging prints it."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        root.setLevel(level)


@contextmanager
def _without_app_folder() -> Iterator[None]:
    """Import no file of the app in the place of a library's module, such as its `secrets.py`."""
    before = list(sys.path)
    own = {Path.cwd(), Path(sys.argv[0]).absolute().parent}
    sys.path[:] = [entry for entry in before if entry and Path(entry).absolute() not in own]
    try:
        yield
    finally:
        sys.path[:] = before
