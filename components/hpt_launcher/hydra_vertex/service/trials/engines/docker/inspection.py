"""Reads a container's inspect document. Pure.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.signals import signal_name
from hydra_vertex.service.devices.capacity import gib
from hydra_vertex.service.trials.exit_status import ExitStatus

KILLED_CODE = 128 + signal.SIGKILL
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|\+00:00)")


@dataclass(frozen=True, slots=True)
class Container:
    """The state of one worker's container. `finished` is given when it has ended; `start_error` when it never ran."""

    is_running: bool
    exit_code: int
    id: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    is_oom_killed: bool = False
    memory_limit_bytes: int = 0
    start_error: str = ""
    is_gone: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether it ran and does not run any more."""
        return not self.is_running and self.started is not None

    def exit_status(self, *, stopped: bool) -> ExitStatus:
        """Return how it ended. `stopped` says that its end was requested."""
        detail = "" if stopped else self._detail()
        if self.exit_code == KILLED_CODE:
            return ExitStatus(signal=signal.SIGKILL, stopped=stopped, started=self.started, detail=detail)
        return ExitStatus(code=self.exit_code, stopped=stopped, started=self.started, detail=detail)

    def _detail(self) -> str:
        limit = f" of {gib(self.memory_limit_bytes)}" if self.memory_limit_bytes else ""
        if self.is_oom_killed and self.exit_code == KILLED_CODE:
            return f"killed for memory: it used more than its limit{limit} (OOMKilled, exit code 137)"
        if self.is_oom_killed and self.exit_code != 0:
            return (
                f"exited with code {self.exit_code}, after one of its processes was killed for using more memory than "
                f"the limit{limit} (OOMKilled)"
            )
        if self.exit_code == KILLED_CODE:
            return "killed by SIGKILL (exit code 137), not by its memory limit (OOMKilled is false)"
        number = self.exit_code - 128
        if number in {int(known) for known in signal.Signals}:
            return f"exited with code {self.exit_code}, as after {signal_name(number)}"
        return ""


def read_container(document: JsonObject) -> Container:
    """Return the state in an inspect document."""
    found = document.get("State")
    state: JsonObject = found if isinstance(found, Mapping) else {}
    status = state.get("Status")
    is_running = state.get("Running") is True or status in {"running", "paused", "restarting"}
    code, host = state.get("ExitCode"), document.get("HostConfig")
    limit = host.get("Memory") if isinstance(host, Mapping) else 0
    started = parse_time(state.get("StartedAt"))
    return Container(
        is_running=is_running,
        exit_code=code if isinstance(code, int) else 255,
        id=str(document.get("Id") or ""),
        started=started,
        finished=None if is_running else parse_time(state.get("FinishedAt")),
        is_oom_killed=state.get("OOMKilled") is True,
        memory_limit_bytes=limit if isinstance(limit, int) else 0,
        start_error=str(state.get("Error") or "") if started is None else "",
        is_gone=status in {"removing", "dead"},
    )


def labels_of(document: JsonObject) -> Mapping[str, Json]:
    """Return the labels in an inspect document or a list entry."""
    config = document.get("Config")
    labels = config.get("Labels") if isinstance(config, Mapping) else document.get("Labels")
    return labels if isinstance(labels, Mapping) else {}


def parse_time(text: Json) -> datetime | None:
    """Return a time of Docker, to the microsecond. None for its zero time, 0001-01-01, and for any other text."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1].startswith("0001-"):
        return None
    moment = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
    return moment.replace(microsecond=int(f"{(match[2] or '.')[1:7]:0<6}"))
