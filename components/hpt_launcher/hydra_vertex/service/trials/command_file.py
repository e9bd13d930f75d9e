"""Reads command.json, in which a supervisor records the pid and start time of its command."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.system.untrusted_files import read_end

COMMAND_FILE_BYTES = 1 << 10


def read_command_process(path: Path) -> ProcessId | None:
    """Read a command.json. Returns None when the file is missing or is not one."""
    try:
        fields = json.loads(read_end(path, COMMAND_FILE_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(fields, dict):
        return None
    pid, ticks = fields.get("pid"), fields.get("start_ticks")
    return ProcessId(pid, ticks) if isinstance(pid, int) and isinstance(ticks, int) and pid > 1 else None
