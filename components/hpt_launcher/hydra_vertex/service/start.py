"""Starts the service as a child process of another program, and stops it with that program. Quick to import."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError, ServiceError, UserError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.service_token import TOKEN_FILE, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES, ResourceOptions
from hydra_vertex.service.trials.engines.options import SETTINGS_VARIABLE, EngineOptions

STOP_LIMIT_S = 30.0
POLL_INTERVAL_S = 0.02
LOG_TAIL_LINES = 20

COUNT_OPTIONS = ("--max-trial-count", "--parallel-trial-count", "--max-failed-trial-count")


def count_options(max_trials: int, parallel: int, max_failed: int) -> tuple[str, ...]:
    """Return the options for `start_service` that change the counts of the folder's tuning jobs."""
    counts = (max_trials, parallel, max_failed)
    return tuple(word for name, count in zip(COUNT_OPTIONS, counts, strict=True) for word in (name, str(count)))


def module_command(module: str) -> tuple[str, ...]:
    """Return the command that runs a Python module with this interpreter; empty for an empty name."""
    # -P: a file in the user's working directory must not be imported instead of a module of the service.
    safe_path = ("-P",) if sys.version_info >= (3, 11) else ()
    return (sys.executable, *safe_path, "-m", module) if module else ()


class ServiceProcess:
    """A running service process. Used as a context manager, it stops the service on exit."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], token_file: Path, grpc: str = "") -> None:
        self.url = url
        self.token_file = token_file
        """The file with the service's token, which this user's clients need where their user cannot be determined."""
        self.grpc = grpc
        """The address of gRPC as `HOST:PORT`; empty when gRPC is disabled."""
        self._process = process

    @property
    def pid(self) -> int:
        """The process id of the service."""
        return self._process.pid

    def stop(self) -> None:
        """Stop the service and its trials within STOP_LIMIT_S. A later service on the folder resumes the jobs."""
        _stop(self._process)

    def __enter__(self) -> ServiceProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def start_service(
    directory: Path,
    log: Path,
    timeout_s: float,
    options: Sequence[str] = (),
    resources: ResourceOptions = DEFAULT_RESOURCES,
    engine: EngineOptions | None = None,
) -> ServiceProcess:
    """Start a service on a folder, on a free port, and return when it answers.

    `options` are further options of `python -m hydra_vertex.service`, such as `--grpc-port 0`. `engine` runs the
    trials, None for processes of this machine. The service runs in its own session, so that Ctrl-C is sent only to the
    caller; it exits when the caller exits, even by SIGKILL. Its stdout and stderr are appended to `log`.

    Raises UserError when the folder or the engine cannot be used or the GPUs cannot provide `resources`, OutputError
    when `log` cannot be written, ServiceError when the service exits or does not answer within `timeout_s`; that
    message contains the end of the log.
    """
    announcement = directory / "service.json"
    chosen = () if engine is None else (f"--engine={engine.name}",)
    process = _spawn(
        directory,
        log,
        (*options, *resources.to_arguments(), *chosen),
        {} if engine is None else engine.to_environ(),
    )
    try:
        deadline = time.monotonic() + timeout_s
        while (found := _announced(announcement, process.pid)) is None or not _answers(str(found["url"])):
            _require_running(process, log)
            _require_time_left(deadline, timeout_s, log)
            time.sleep(POLL_INTERVAL_S)
    except BaseException:
        _stop(process)
        raise
    return ServiceProcess(str(found["url"]), process, directory / TOKEN_FILE, str(found.get("grpc", "")))


def _spawn(directory: Path, log: Path, options: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [*module_command("hydra_vertex.service"), "--dir", str(directory), "--until-stdin-closes", *options]
    # The caller sends no token, so the service must not require one.
    own = (TOKEN_VARIABLE, TOKEN_FILE_VARIABLE, SETTINGS_VARIABLE)
    environ = {name: value for name, value in os.environ.items() if name not in own} | dict(variables)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab", opener=_private) as output:
            return subprocess.Popen(
                command, env=environ, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )
    except OSError as error:
        raise OutputError(f"{log}: cannot be written ({error.strerror}); give a folder that can be written") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _announced(announcement: Path, pid: int) -> JsonObject | None:
    try:
        fields = json.loads(announcement.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(fields, dict) or fields.get("pid") != pid:
        return None
    return fields


def _answers(url: str) -> bool:
    try:
        # A proxy from the environment cannot reach the loopback address.
        build_opener(ProxyHandler({})).open(url, timeout=5.0).close()
    except HTTPError as error:
        error.close()
        return True
    except (URLError, OSError):
        return False
    return True


def _require_running(process: subprocess.Popen[bytes], log: Path) -> None:
    code = process.poll()
    if code == UserError.exit_code:
        raise UserError(_last_line(log))
    if code is not None:
        raise ServiceError(f"the tuning service ended with exit code {code} before it answered{_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _require_time_left(deadline: float, timeout_s: float, log: Path) -> None:
    if time.monotonic() >= deadline:
        raise ServiceError(f"the tuning service does not answer after {timeout_s:g} s{_tail(log)}")


def _lines(log: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace").splitlines()
    return []


def _last_line(log: Path) -> str:
    return next(reversed(_lines(log)), "the tuning service cannot use its folder")


def _tail(log: Path) -> str:
    lines = "\n  ".join(_lines(log)[-LOG_TAIL_LINES:])
    return f"; the end of {log}:\n  {lines}" if lines else f"; {log} is empty"
