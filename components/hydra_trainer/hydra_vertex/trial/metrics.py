"""The trial's measurement, written as cloudml-hypertune writes it, but so that no reader sees an empty or torn file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .protocol import json
from .protocol.environment import DEFAULT_METRIC, METRIC_FILE, METRIC_TAG, is_trial
from .protocol.errors import OutputError
from .protocol.files import write_atomic

_HYPERTUNE_DEFAULT = Path("/tmp/hypertune/output.metrics")  # noqa: S108 - where Vertex AI reads; hypertune's own default
_STEP = "global_step"


def metric_name(option: str | None, environ: Mapping[str, str], app_config: object) -> str:
    """The metric's name: `--metric`, then the service's, then the app's `optimized_metric`, then `metric`."""
    app = app_config if isinstance(app_config, str) else None
    return option or environ.get(METRIC_TAG) or app or DEFAULT_METRIC


def metric_file(environ: Mapping[str, str]) -> Path | None:
    """Where the measurement goes. None when nobody reads one: the app was started by hand."""
    if environ.get(METRIC_FILE):
        return Path(environ[METRIC_FILE]).absolute()
    return _HYPERTUNE_DEFAULT if is_trial(environ) else None


def report(file: Path, metric: str, value: float) -> None:
    """Add the measurement behind what the app itself has reported, one step after it. Raises OutputError."""
    try:
        reported = file.read_text(encoding="utf-8") if file.exists() else ""
        record = _record(file.parent, metric, value, _last_step(reported) + 1)
        separator = "\n" if reported and not reported.endswith("\n") else ""
        write_atomic(file, f"{reported}{separator}{record}")
    except OSError as error:
        raise OutputError(f"{file}: the measurement {metric}={value} cannot be written: {error.strerror}") from error


def _record(folder: Path, metric: str, value: float, step: int) -> str:
    import hypertune

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".measurement-", dir=folder) as private:
        part = Path(private, "record")
        with _environ(METRIC_FILE, str(part)):
            tuner = hypertune.HyperTune()
        tuner.report_hyperparameter_tuning_metric(metric, value, global_step=step)
        return part.read_text(encoding="utf-8")


def _last_step(reported: str) -> int:
    return max((_step(line) for line in reported.splitlines()), default=0)


def _step(line: str) -> int:
    """The step of a record. A line that is not one belongs to somebody else and counts nothing."""
    try:
        record = json.loads(line)
        return int(str(record[_STEP])) if isinstance(record, Mapping) and _STEP in record else 0
    except ValueError:
        return 0


@contextmanager
def _environ(name: str, value: str) -> Iterator[None]:
    """hypertune learns its file from the environment alone, and only when it is made."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
