"""HTTP connections of a real server: idle ones are closed, and their number is limited."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hydra_vertex.service.api.connection_limits import ConnectionLimits
from hydra_vertex.service.api.http_connection import TimedConnection
from service.harness import wait_until


class ShortLimitConnection(TimedConnection):
    """A connection with a short time limit."""

    limits = ConnectionLimits(request_s=0.4)


class FewConnections(TimedConnection):
    """A connection with a low limit on the number of connections."""

    limits = ConnectionLimits(connections=3)


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def answer_late(request: Request) -> Response:
    await asyncio.sleep(0.2)
    return Response()


@pytest.fixture(params=[ShortLimitConnection])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"]), Route("/slow", answer_late)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=request.param, ws="none", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def is_closed(connection: socket.socket) -> bool:
    """Wait for data; whether the other side has closed the connection instead."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"],
)
def test_a_connection_without_a_complete_request_is_closed(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


def test_a_connection_with_an_incomplete_second_request_is_closed(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET / HT")
        assert is_closed(connection)


@pytest.mark.parametrize("port", [TimedConnection], indirect=True)
def test_a_body_in_many_pieces_and_chunks_is_received_completely(port: int) -> None:
    body = random.Random(7).randbytes(100_000)  # noqa: S311 - not for cryptography
    chunks = (body[start : start + 7] for start in range(0, len(body), 7))
    assert httpx.post(f"http://127.0.0.1:{port}/", content=chunks, trust_env=False).content == body


@pytest.mark.parametrize("port", [TimedConnection], indirect=True)
def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    bodies = [b"%d" % number * number for number in range(1, 400)]
    with connected(port) as connection:
        for body in bodies:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        connection.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers.split(b"HTTP/1.1 200 ")[1:]] == bodies


@pytest.mark.parametrize("port", [TimedConnection], indirect=True)
def test_a_client_that_has_closed_its_sending_side_gets_its_answers(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        connection.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answers.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("port", [FewConnections], indirect=True)
def test_connections_beyond_the_limit_are_closed_until_others_are_closed(port: int) -> None:
    waiting = [connected(port) for _ in range(3)]
    with connected(port) as another:
        assert is_closed(another)
    for connection in waiting:
        connection.close()
    wait_until(lambda: answer(port) == 200)


def answer(port: int) -> int | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code
    except httpx.TransportError:
        return None
