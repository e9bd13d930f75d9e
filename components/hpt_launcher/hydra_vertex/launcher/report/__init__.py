"""A tuning job as one HTML page that needs neither a network nor a server.

::

    job ─┬─ schedule ── summary ──┐            numbers, pure
         ├─ table ────────────────┤
         ├─ command ──────────────┼─ page ── report.html
         └─ labels ── study ── figures         Optuna's plots, restyled; one own plot for the timeline
"""

from __future__ import annotations

from .write import write_report

__all__ = ["write_report"]
