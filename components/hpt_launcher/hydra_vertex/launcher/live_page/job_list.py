"""The page with the list of a service's jobs, without any script. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable
from urllib.parse import urlencode

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.text.terminal import excerpt

from .gate import QUERY

REFRESH_S = 5
_HEAD = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_S}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'">
<title>Studies</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #8884; overflow-wrap: anywhere }}
</style>
</head>
<body>
<main>
<h1>Studies</h1>
"""


def jobs_page(jobs: Iterable[HyperparameterTuningJob], token: str) -> str:
    """Return the list of the jobs, each with a link to its page. Every text of a job is escaped."""
    rows = "".join(_row(job, token) for job in jobs)
    table = (
        '<table><thead><tr><th scope="col">study</th><th scope="col">state</th><th scope="col">trials</th>'
        f'<th scope="col">created (UTC)</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    body = table if rows else "<p>The service has no study yet. This page shows the next one by itself.</p>"
    return f"{_HEAD}{body}</main></body></html>\n"


def _row(job: HyperparameterTuningJob, token: str) -> str:
    link = html.escape(f"/job?{urlencode({'job': job.name, QUERY: token})}")
    name = html.escape(excerpt(job.display_name or job.name, 160))
    state = html.escape(job.state.value.removeprefix("JOB_STATE_").lower().replace("_", " "))
    created = "" if job.create_time is None else f"{job.create_time:%Y-%m-%d %H:%M:%S}"
    return (
        f'<tr><td><a href="{link}">{name}</a></td><td>{state}</td><td>at most {job.max_trial_count}</td>'
        f"<td>{created}</td></tr>"
    )
