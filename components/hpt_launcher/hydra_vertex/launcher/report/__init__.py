"""Writes a tuning job as one HTML page that needs neither a network nor a server.

::

    job ─┬─ schedule ── summary ──┐                          numbers, pure
         ├─ table ────────────────┼─ page ── sections ─┬─ report.html   finished, one file
         └─ labels ── study ── figures                 └─ a live page   the same file, and then changed sections

A live page is `render_page(..., live=LivePage(...))`. Its server calls `page_sections` again when the job has changed,
and sends the sections that are no longer equal; `live.js` gives them to `hydraVertex.apply`, which is in `page.js`.

Secrets are masked and control characters are escaped before any other module reads the job.
"""

from __future__ import annotations

from .write import write_report

__all__ = ["write_report"]
