"""Composes an app's config with given arguments: runs `hydra-trial --explain` in a child process."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.command import PROGRAM
from hydra_vertex.protocol.errors import AppError, CommandError, UserError
from hydra_vertex.protocol.explanation import Explanation, parse_explanation

from .trial_process import trial_process

EXPLAIN_LIMIT_S = 300.0
"""Time limit in seconds. An app may import large libraries before its config is composed."""


def explain(
    app: Sequence[str],
    parameters: Sequence[str] = (),
    *,
    options: Sequence[str] = (),
    limit_s: float = EXPLAIN_LIMIT_S,
) -> Explanation:
    """Compose the app's config with `parameters` (`--key=value`, as a service appends them), without running the app.

    `options` are further options of hydra-trial, such as `--alias=ID=KEY`, which maps a parameter to a key.

    Raises UserError with the message of `hydra-trial` when that refuses an argument, CommandError when the arguments
    are too long for a process, AppError when the app fails before its config is composed or takes longer than
    `limit_s` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        target = Path(folder, "explanation.json")
        command = trial_process([*options, "--explain", "--json", str(target)], app, parameters)
        completed = _run(command, app, limit_s)
        if completed.returncode == UserError.exit_code:
            raise UserError(_refusal(completed.stderr))
        if completed.returncode != 0 or not target.exists():
            raise AppError(_failure(app, completed))
        return parse_explanation(json.loads(target.read_bytes()))


def _run(command: list[str], app: Sequence[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except OSError as error:
        size = sum(len(part) for part in command)
        raise CommandError(
            f"{excerpt(shlex.join(app))}: cannot be started with its parameters, {size:,} characters ({error.strerror})"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise AppError(f"{' '.join(app)}: its config was not composed after {limit_s:.0f} s") from error


def _refusal(stderr: str) -> str:
    prefix = f"{PROGRAM}: "
    lines = [line for line in stderr.splitlines() if line.strip()]
    messages = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
    return (messages or lines or [f"{PROGRAM} refused the arguments without a message"])[-1]


def _failure(app: Sequence[str], completed: subprocess.CompletedProcess[str]) -> str:
    tail = "\n".join((completed.stdout + completed.stderr).strip().splitlines()[-20:])
    return f"{' '.join(app)}: failed with exit code {completed.returncode} before its config was composed\n{tail}"
