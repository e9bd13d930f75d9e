"""The guard's answer to requests that are cancelled: uvicorn does so when the service stops.

That pages, foreign hosts and other users are refused is tested in test_rest.py and in tests/service/access.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from hydra_vertex.service.access.connection import ClientOf
from hydra_vertex.service.access.gate import Gate
from hydra_vertex.service.api.request_guard import CLIENT, Guard

LIMIT_S = 60.0


class SlowSocket:
    """A connection whose address is known only when `release` is set; `asked` is set by the question."""

    def __init__(self) -> None:
        self.asked, self.release = threading.Event(), threading.Event()

    def fileno(self) -> int:
        return -1

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 8080

    def getpeername(self) -> tuple[str, int]:
        self.asked.set()
        self.release.wait(LIMIT_S)
        raise OSError


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def cancelled(guard: Guard, state: dict[str, object], is_waiting: Callable[[], bool]) -> list[Message]:
    """Return what is sent for a request that is cancelled when `is_waiting`."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "headers": headers, "raw_path": b"/v1", "query_string": b"", "state": state}
    task = asyncio.create_task(_started(guard(scope, receive, send)))
    await until(is_waiting)
    task.cancel("Task cancelled, timeout graceful shutdown exceeded")
    await task
    return sent


async def _started(answer: Awaitable[None]) -> None:
    await answer


async def refuse_to_end(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that never answers."""
    scope["state"]["waits"] = True
    await asyncio.Event().wait()


def test_a_request_whose_client_is_still_looked_up_is_answered_when_the_service_stops() -> None:
    connection = SlowSocket()
    guard = Guard(refuse_to_end, Gate("token", serves_own_user=True))
    try:
        sent = asyncio.run(cancelled(guard, {CLIENT: ClientOf(connection)}, connection.asked.is_set))
    finally:
        connection.release.set()
    assert [message.get("status") for message in sent] == [503, None]
    assert b"the service is stopping" in sent[-1]["body"]


@pytest.mark.parametrize("has_begun", [False, True])
def test_an_answer_that_has_begun_is_not_begun_again_when_the_service_stops(has_begun: bool) -> None:
    state: dict[str, object] = {}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if has_begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await refuse_to_end(scope, receive, send)

    class KnownClient(ClientOf):
        """A client of the service's user."""

        is_looked_up = True

        def owner(self) -> int | None:
            return os.getuid()

    guard = Guard(application, Gate("token", serves_own_user=True))
    state[CLIENT] = KnownClient(SlowSocket())
    sent = asyncio.run(cancelled(guard, state, lambda: "waits" in state))
    assert [message.get("status") for message in sent] == ([200] if has_begun else [503, None])
