"""Runs one trial up to its metric, as a service would, with all of its output in a temporary folder."""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.environment import OutputDirs, TrialEnvironment
from hydra_vertex.protocol.metric_fields import RECORD_FIELDS, fields_of

from .findings import Finding
from .trial_process import trial_process

_LAST_LINES = 20
_MOST_BYTES = 1 << 20
_TRIAL_ID = "1"
GRACE_S = 10.0
"""Time that the trial has from SIGTERM to SIGKILL, when it is ended."""


@dataclass(frozen=True, slots=True)
class SmokeTrial:
    """How the trial ended. `value` is its measurement; `problem` is empty when the trial succeeded.

    `last_lines` are of the trial's output, if it did not succeed. `values` are those of the other objectives.
    """

    metric: str
    arguments: tuple[str, ...]
    duration_s: float
    value: float | None = None
    problem: str = ""
    last_lines: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def finding(self) -> Finding | None:
        """The finding of a trial that did not succeed."""
        return Finding(f"--smoke: {self.problem}", "--smoke") if self.problem else None


def smoke_trial(
    app: Sequence[str],
    arguments: Sequence[str],
    metric: str,
    *,
    others: Sequence[str] = (),
    monitor: Sequence[str] = (),
    options: Sequence[str] = (),
    limit_s: float,
) -> SmokeTrial:
    """Run the app with `arguments` after its own, under hydra-trial with `options`. The trial is ended after `limit_s`.

    It has to report the `metric`, the `others` of a study with several objectives, and every metric to `monitor`.
    Exceptions are those of the temporary folder; whatever the trial does is in the result.
    """
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-smoke-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        metric_file = folder / _TRIAL_ID / "output.metrics"
        metric_file.parent.mkdir()
        variables = TrialEnvironment(_TRIAL_ID, str(metric_file), "smoke", OutputDirs.below(name, _TRIAL_ID))
        command = trial_process(options, app, arguments)
        start = time.monotonic()
        exit_code = _run(command, {**os.environ, **variables.to_environ()}, folder / "output", limit_s)
        values = _measurements(metric_file)
        trial = SmokeTrial(
            metric,
            tuple(arguments),
            time.monotonic() - start,
            values.get(metric),
            values={m: values[m] for m in others if m in values},
        )
        return _with_problem(trial, _problem(exit_code, (metric, *others), monitor, values), folder / "output")


def _with_problem(trial: SmokeTrial, problem: str, output: Path) -> SmokeTrial:
    if not problem:
        return trial
    lines = tuple(excerpt(line, 500) for line in _end_of(output).decode(errors="replace").splitlines()[-_LAST_LINES:])
    text = f"the trial with {excerpt(shlex.join(trial.arguments), 500)} {problem}"
    return SmokeTrial(trial.metric, trial.arguments, trial.duration_s, trial.value, text, lines)


def _run(command: Sequence[str], environ: Mapping[str, str], output: Path, limit_s: float) -> int | str:
    """Return the exit code, or why there is none."""
    with output.open("wb") as file:
        try:
            child = subprocess.Popen(
                list(command),
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            return child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f"has not ended after {limit_s:g} s (--smoke-timeout)"
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child, if it is running, and what is left of its process group. A second Ctrl-C kills them at once."""
    try:
        _signal_group(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    finally:
        _signal_group(child, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _problem(exit_code: int | str, metrics: Sequence[str], monitor: Sequence[str], values: Mapping[str, float]) -> str:
    if isinstance(exit_code, str):
        return exit_code
    if exit_code != 0:
        return f"failed with exit code {exit_code}"
    others = f"; it reported {', '.join(values)}" if values else ""
    for metric in metrics:
        if metric not in values:
            what = "number" if len(metrics) == 1 else f"tuple or list of {len(metrics)} numbers"
            return f"reported no {metric}: the app's main returned no {what}{others}"
    for name in monitor:
        if name not in values:
            return f"reported no {name} (--monitor): no validation of Lightning logged a metric of this name{others}"
    bad = [metric for metric in metrics if not math.isfinite(values[metric])]
    return f"reported {bad[0]} = {values[bad[0]]}, which is not finite" if bad else ""


def _measurements(file: Path) -> dict[str, float]:
    """Return the last value of each metric in a metric file of cloudml-hypertune."""
    values: dict[str, float] = {}
    for line in _end_of(file).splitlines():
        with contextlib.suppress(ValueError):
            fields = fields_of(line) or {}
            values |= {name: float(str(value)) for name, value in fields.items() if name not in RECORD_FIELDS}
    return values


def _end_of(file: Path) -> bytes:
    try:
        with file.open("rb") as content:
            content.seek(max(0, content.seek(0, os.SEEK_END) - _MOST_BYTES))
            return content.read()
    except OSError:
        return b""
