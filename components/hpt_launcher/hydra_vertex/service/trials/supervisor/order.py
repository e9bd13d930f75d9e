"""The order that a supervisor reads: its command and limits."""

from __future__ import annotations

import json


class LaunchOrder:
    """The fields of the order; durations in seconds. `token` proves that exit.json was written by the supervisor.

    `open_files` is the soft limit of open files for the command; None means the inherited limit. `umask` is that of the
    command; -1 means the inherited one.
    """

    def __init__(self, text: bytes) -> None:
        """Read the JSON that `launch_spec.LaunchSpec.to_order` writes."""
        fields = json.loads(text)
        self.command: list[str] = fields["command"]
        self.directory: str = fields["directory"]
        self.timeout_s: float = fields["timeout_s"]
        self.grace_s: float = fields["grace_s"]
        self.log_limit_bytes: int = fields["log_limit_bytes"]
        self.token: str = fields["token"]
        self.memory_limit_bytes: int | None = fields.get("memory_limit_bytes")
        self.nice: int = fields.get("nice", 0)
        self.open_files: int | None = fields.get("open_files")
        self.umask: int = fields.get("umask", -1)

    def path(self, name: str) -> str:
        """Return the path of a file in the trial's folder."""
        return f"{self.directory}/{name}"
