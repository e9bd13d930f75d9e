"""A server with the method `projects.timeSeries.list` of Cloud Monitoring's API, version 3.

It reads the filter, the interval and the aggregation as the API documents them, refuses what it does not know with
Google's error model, and answers page by page, newest point first.
Source: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FILTER = re.compile(
    r'metric\.type = "([^"]+)" AND resource\.type = "([^"]+)" AND resource\.labels\.job_id = one_of\(([^)]*)\)'
)
PAGE = 2
FILTER_LIMIT = 2048


@dataclass
class Stored:
    """One time series, with a raw value for each of its times."""

    metric: str
    labels: dict[str, str]
    values: dict[datetime, float]
    metric_labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Monitoring:
    """The state of the server. `failures` are answered before anything else: status, message and headers."""

    url: str
    series: list[Stored] = field(default_factory=list)
    failures: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    raw: bytes | None = None
    repeats_token: bool = False

    def answer(self, path: str, given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.requests.append(given)
        if not re.fullmatch(r"/v3/projects/[^/]+/timeSeries", path):
            return 404, _error(404, "NOT_FOUND", f"{path} is not found")
        match = FILTER.fullmatch(given.get("filter", ""))
        if match is None or len(given["filter"]) > FILTER_LIMIT:
            return 400, _error(400, "INVALID_ARGUMENT", f"invalid filter {given.get('filter')}")
        if given.get("aggregation.perSeriesAligner") != "ALIGN_MEAN" or given.get("view") != "FULL":
            return 400, _error(400, "INVALID_ARGUMENT", "an aligner and a view are expected")
        ids = re.findall(r'"([^"]*)"', match[3])
        chosen = [one for one in self.series if one.metric == match[1] and one.labels["job_id"] in ids]
        period = int(given["aggregation.alignmentPeriod"].removesuffix("s"))
        begin, end = (_time(given[f"interval.{name}Time"]) for name in ("start", "end"))
        found = [_aligned(one, match[2], begin, end, period) for one in chosen]
        first = int(given.get("pageToken", "0"))
        page: dict[str, Any] = {"timeSeries": found[first : first + PAGE], "unit": "10^2.%"}
        if first + PAGE < len(found) or self.repeats_token:
            page["nextPageToken"] = str(first if self.repeats_token else first + PAGE)
        return 200, page


def _aligned(one: Stored, resource: str, begin: datetime, end: datetime, period_s: int) -> dict[str, Any]:
    """Return the means of the values over periods that end at the end of the interval."""
    groups: dict[datetime, list[float]] = {}
    for time, value in one.values.items():
        if begin < time <= end:
            periods = (end - time) // timedelta(seconds=period_s)
            groups.setdefault(end - periods * timedelta(seconds=period_s), []).append(value)
    points = [
        {
            "interval": {"startTime": _text(time), "endTime": _text(time)},
            "value": {"doubleValue": sum(values) / len(values)},
        }
        for time, values in sorted(groups.items(), reverse=True)
    ]
    return {
        "metric": {"type": one.metric, "labels": one.metric_labels},
        "resource": {"type": resource, "labels": {"project_id": "p", **one.labels}},
        "metricKind": "GAUGE",
        "valueType": "DOUBLE",
        "points": points,
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _error(code: int, status: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}


@contextmanager
def monitoring() -> Iterator[Monitoring]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers: dict[str, str] = {}
            if state.failures:
                code, message, headers = state.failures.pop(0)
                state.requests.append(given)
                body = _error(code, "FAILED", message)
            else:
                code, body = state.answer(parts.path, given)
            content = json.dumps(body).encode() if state.raw is None else state.raw
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Monitoring(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
