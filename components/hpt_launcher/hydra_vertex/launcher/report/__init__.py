"""Writes a tuning job as one HTML page that needs neither a network nor a server.

::

    job ─┬─ schedule ── summary ──┐            numbers, pure
         ├─ table ────────────────┼─ page ── report.html
         └─ labels ── study ── figures         Optuna's plots, restyled; our own for parallel coordinates and timeline

Secrets are masked and control characters are escaped before any other module reads the job.
"""

from __future__ import annotations

from .write import write_report

__all__ = ["write_report"]
