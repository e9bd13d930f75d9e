"""Idle connections to the gRPC port: their number and age are limited, and other clients are answered."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import httpx
import psutil
import pytest

from hydra_vertex.service.access.gate import Gate
from hydra_vertex.service.api.connection_limits import LIMITS, ConnectionLimits
from hydra_vertex.service.api.google_messages import message_class
from hydra_vertex.service.api.grpc_front import GrpcServer
from hydra_vertex.service.api.operations import Operations
from hydra_vertex.service.devices.capacity import capacity_of
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES
from hydra_vertex.service.engine.engine import Engine
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.store import Store
from service.harness import PARENT, start, wait_until

SHORT = ConnectionLimits(connections=20, request_s=1.0)
CLIENTS = 1000
LIST_JOBS = "/google.cloud.aiplatform.v1.JobService/ListCustomJobs"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, ACKNOWLEDGED = b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\1\0\0\0\0"


def headers_frame(fields: dict[str, str]) -> bytes:
    """Return a HEADERS frame that begins a call on stream 1, with literal HPACK fields (RFC 7541, 6.2.2)."""
    texts = [(name.encode(), value.encode()) for name, value in fields.items()]
    block = b"".join(b"\0%c%b%c%b" % (len(name), name, len(value), value) for name, value in texts)
    return len(block).to_bytes(3, "big") + b"\1\4\0\0\0\1" + block


CALL = headers_frame(
    {
        ":method": "POST",
        ":scheme": "http",
        ":path": LIST_JOBS,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a server with short limits."""
    found: list[str] = []
    stop = threading.Event()

    async def serve() -> None:
        folder = ServiceFolder(tmp_path)
        with closing(Store(folder)) as store:
            engine = Engine(folder, store, capacity_of(DEFAULT_RESOURCES, []))
            async with GrpcServer(Operations(engine), 0, Gate("a-token", serves_own_user=True), SHORT) as server:
                found.append(server.address)
                await asyncio.to_thread(stop.wait)
            await engine.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    wait_until(lambda: found)
    yield found[0]
    stop.set()
    thread.join()


@pytest.fixture(autouse=True)
def _many_descriptors() -> Iterator[None]:
    """Raise the limit of open files: both ends of the connections belong to this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * CLIENTS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"needs {wanted} open files, and the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connected(address: str, sent: bytes) -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(sent)
    return connection


def held(address: str, pid: int | None = None) -> int:
    """Return the number of established connections whose local port is the server's, in a process (None: this one)."""
    port = int(address.rpartition(":")[2])
    connections = psutil.Process(pid).net_connections("tcp")
    return sum(1 for c in connections if c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED)


def list_jobs(channel: grpc.Channel, timeout_s: float = 10) -> bytes:
    request = message_class("ListCustomJobsRequest")(parent=PARENT).SerializeToString()
    answer: bytes = channel.unary_unary(LIST_JOBS)(request, timeout=timeout_s, wait_for_ready=True)
    return answer


@pytest.mark.parametrize(
    "sent",
    [b"", PREFACE, PREFACE + SETTINGS, PREFACE + SETTINGS + ACKNOWLEDGED, PREFACE + SETTINGS + ACKNOWLEDGED + CALL],
    ids=["nothing", "preface", "half a handshake", "a handshake", "a call without its message"],
)
def test_idle_connections_are_limited_in_number_and_closed_in_time(address: str, sent: bytes) -> None:
    begin = time.monotonic()
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(connected(address, sent))
        wait_until(lambda: held(address) <= SHORT.connections)
        with grpc.insecure_channel(address) as channel:
            assert list_jobs(channel) == b""
        wait_until(lambda: held(address) == 0)
    assert time.monotonic() - begin < 12 * SHORT.request_s


def test_a_client_with_continuous_requests_gets_no_error(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        give_up = time.monotonic() + 4 * SHORT.request_s
        while time.monotonic() < give_up:
            assert list_jobs(channel) == b""


def test_a_client_can_send_many_requests_at_once(tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    request = message_class("ListCustomJobsRequest")(parent=PARENT).SerializeToString()
    with start(studies, "--grpc-port", "0"):
        address = json.loads((studies / "service.json").read_text())["grpc"]
        with grpc.insecure_channel(address) as channel:
            calls = [channel.unary_unary(LIST_JOBS).future(request, timeout=30) for _ in range(LIMITS.connections)]
            assert {call.result() for call in calls} == {b""}


def test_a_service_has_free_descriptors_in_spite_of_many_grpc_connections(tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    with start(studies, "--grpc-port", "0") as service, ExitStack() as stack:
        published = json.loads((studies / "service.json").read_text())["grpc"]
        for _ in range(CLIENTS):
            stack.enter_context(connected(published, PREFACE + SETTINGS))
        wait_until(lambda: held(published, service.pid) == LIMITS.connections)
        assert httpx.get(f"{service.url}/v1/{PARENT}/customJobs", timeout=30).status_code == 200
