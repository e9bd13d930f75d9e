"""The clock of the tuning service: times in job documents are the service's, and this machine's clock may differ."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

REQUEST_LIMIT_S = 5.0
REFRESH_S = 900.0
RESOLUTION_S = 2.0
"""A smaller difference is not a difference: the header `Date` has whole seconds."""


class ServiceClock:
    """Tells the service's time: this machine's, corrected by the header `Date` of an answer, read every 15 minutes.

    Without such an answer it is this machine's time.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._clock = clock
        self._offset_s = 0.0
        self._read_at_s: float | None = None

    def now(self) -> datetime:
        """Return the service's time, in UTC."""
        local_s = self._clock()
        if self._read_at_s is None or not 0 <= local_s - self._read_at_s < REFRESH_S:
            self._refresh()
            self._read_at_s = local_s = self._clock()
        return datetime.fromtimestamp(local_s, timezone.utc) + timedelta(seconds=self._offset_s)

    def _refresh(self) -> None:
        before_s = self._clock()
        service_s = _date_of(self._url)
        if service_s is not None:
            difference_s = service_s - (before_s + self._clock()) / 2
            self._offset_s = difference_s if abs(difference_s) >= RESOLUTION_S else 0.0


def _date_of(url: str) -> float | None:
    """Return the time in the header `Date` of any answer, also of a refusal; None without one. No credentials are sent.

    A proxy of the environment is not used for an address on this machine.
    """
    handlers = [ProxyHandler({})] if url.startswith("http://") else []
    request = Request(url, method="HEAD")  # noqa: S310 - the endpoint that the step uses
    text = None
    with contextlib.suppress(OSError, ValueError):
        try:
            with build_opener(*handlers).open(request, timeout=REQUEST_LIMIT_S) as answer:
                text = answer.headers.get("Date")
        except HTTPError as error:
            text = error.headers.get("Date")
            error.close()
    with contextlib.suppress(TypeError, ValueError):
        return parsedate_to_datetime(text or "").timestamp()
    return None
