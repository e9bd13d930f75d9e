"""The pages' ASGI application: documents, event streams, log tails and the verbs of the buttons."""

from __future__ import annotations

import asyncio
import html
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hydra_vertex.launcher.text.terminal import printable
from hydra_vertex.protocol.errors import HydraVertexError

from .gate import PageGate, Purpose
from .pages import Pages

SEND_LIMIT_S = 20.0
"""A reader that has not taken an event for so long is dropped; its browser connects again."""
LONGEST_TRIAL_ID = 64
AGAIN_S = 5
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the address has the token
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
logger = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(pages: Pages, gate: PageGate) -> Starlette:
    """Return the application of these pages; `gate` decides about each request."""

    def guarded(purpose: Purpose, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            if refusal := gate.refusal(purpose, request.headers, request.query_params):
                return _refused(purpose, refusal)
            try:
                found = await endpoint(request)
            except HydraVertexError as error:
                found = _failed(purpose, str(error), 502)
            except Exception as error:
                logger.exception("the live page cannot answer %s", request.url.path)
                found = _failed(purpose, f"{type(error).__name__}: {error}", 500)
            found.headers.update(HEADERS)
            return found

        return answer

    routes: list[tuple[str, str, Purpose, Endpoint]] = [
        ("GET", "/", "page", partial(_page, pages)),
        ("GET", "/job", "page", partial(_page_of_job, pages)),
        ("GET", "/events", "data", partial(_events, pages)),
        ("GET", "/log", "data", partial(_log, pages)),
        ("POST", "/stop-trial", "verb", partial(_stop_trial, pages)),
        ("POST", "/stop-study", "verb", partial(_stop_study, pages)),
    ]
    return Starlette(routes=[Route(path, guarded(why, act), methods=[verb]) for verb, path, why, act in routes])


def _refused(purpose: Purpose, refusal: str) -> Response:
    if purpose == "page":
        text = f"<!doctype html><title>hydra-vertex</title><p>{html.escape(refusal)}</p>"
        return HTMLResponse(text, 403, HEADERS)
    return JSONResponse({"error": refusal}, 403, HEADERS)


def _failed(purpose: Purpose, problem: str, status: int) -> Response:
    """Return an error. A page loads itself again: the service may answer then."""
    if purpose != "page":
        return JSONResponse({"error": printable(problem)}, status)
    text = html.escape(printable(problem))
    refresh = f'<meta http-equiv="refresh" content="{AGAIN_S}">'
    page = f"<!doctype html>{refresh}<title>hydra-vertex</title><p>{text}</p><p>This page loads itself again.</p>"
    return HTMLResponse(page, status)


async def _page(pages: Pages, request: Request) -> Response:  # noqa: ARG001 - prescribed by starlette
    return HTMLResponse(await pages.first())


async def _page_of_job(pages: Pages, request: Request) -> Response:
    return HTMLResponse(await (await pages.study(_job(request))).page())


async def _events(pages: Pages, request: Request) -> Response:
    known = request.headers.get("last-event-id") or request.query_params.get("version", "")
    study = await pages.study(_job(request))
    return _EventStream(study.events(known))


async def _log(pages: Pages, request: Request) -> Response:
    feed = (await pages.study(_job(request))).feed
    trial = _trial(request)
    return JSONResponse({"log": await asyncio.to_thread(feed.log, trial)})


async def _stop_trial(pages: Pages, request: Request) -> Response:
    feed = (await pages.study(_job(request))).feed
    trial = _trial(request)
    return JSONResponse({"message": await asyncio.to_thread(feed.stop_trial, trial, _shown(request))})


async def _stop_study(pages: Pages, request: Request) -> Response:
    feed = (await pages.study(_job(request))).feed
    return JSONResponse({"message": await asyncio.to_thread(feed.stop_study, _shown(request))})


def _job(request: Request) -> str:
    return request.query_params.get("job", "")


def _shown(request: Request) -> str:
    """Return the name of the job that the page shows: the newest one may be another by now."""
    return request.query_params.get("of", "")


def _trial(request: Request) -> str:
    """Return the trial's id of a request. Raises HydraVertexError when it is none: ids are numbers, on Vertex too."""
    trial = request.query_params.get("trial", "")
    if not trial.isascii() or not trial.isdigit() or len(trial) > LONGEST_TRIAL_ID:
        raise HydraVertexError(f"trial {trial[:100]!r}: expected the id of a trial, such as 3")
    return trial


class _EventStream(Response):
    """Sends events as they come, until their end or until the reader takes none for SEND_LIMIT_S."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str]) -> None:
        super().__init__()
        self._events = events
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - prescribed by ASGI
        """Send the response. The browser's leaving is noticed at `receive`."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for text in self._events:
                body = {"type": "http.response.body", "body": text.encode(), "more_body": True}
                await asyncio.wait_for(send(body), SEND_LIMIT_S)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.TimeoutError:
            return
        finally:
            await self._events.aclose()  # type: ignore[attr-defined]  # it is always an asynchronous generator


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
