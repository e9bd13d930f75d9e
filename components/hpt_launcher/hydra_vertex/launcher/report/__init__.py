"""A tuning job as one HTML page that needs neither a network nor a server.

::

    job ─┬─ schedule ── summary ──┐            numbers, pure
         ├─ table ────────────────┼─ page ── report.html
         └─ labels ── study ── figures         Optuna's plots, restyled; one own plot for the timeline

Secrets are masked, and control characters made visible, before anything else looks at the job.
"""

from __future__ import annotations

from .write import write_report

__all__ = ["write_report"]
