"""The owner of a connection's client, from this machine's kernel."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.service.access import socket_owner
from hydra_vertex.service.access.connection import ClientOf, owner_of_peer
from hydra_vertex.service.access.socket_diag import ask_kernel, parse_answer
from hydra_vertex.service.access.socket_owner import owner_of
from hydra_vertex.service.access.socket_table import SocketAddress, SocketRow, find_row

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the owner of a socket")
Connection = tuple[socket.socket, socket.socket]


@contextlib.contextmanager
def connected(kind: str) -> Iterator[Connection]:
    """A client and the server's end of its connection; `mapped` is an IPv6 socket that reaches an IPv4 address."""
    host = "::1" if kind == "ipv6" else "127.0.0.1"
    family = socket.AF_INET6 if kind == "ipv6" else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.socket(socket.AF_INET if kind == "ipv4" else socket.AF_INET6) as client,
    ):
        client.connect((f"::ffff:{host}" if kind == "mapped" else host, listener.getsockname()[1]))
        server, _ = listener.accept()
        with server:
            yield client, server


def ends(server: socket.socket) -> tuple[SocketAddress, SocketAddress]:
    return SocketAddress.of(*server.getpeername()[:2]), SocketAddress.of(*server.getsockname()[:2])


def from_tables(local: SocketAddress, remote: SocketAddress) -> SocketRow | None:
    tables = [Path(f"/proc/self/net/{name}").read_bytes() for name in ("tcp", "tcp6")]
    return next((row for table in tables if (row := find_row(table, local, remote)) is not None), None)


@pytest.mark.parametrize("kind", ["ipv4", "ipv6", "mapped"])
def test_the_owner_of_an_open_connection_is_the_user_of_the_client(kind: str) -> None:
    with connected(kind) as (client, server):
        assert owner_of(*ends(server), os.fstat(server.fileno()).st_ino) == os.geteuid()
        assert ClientOf(server).owner() == os.geteuid()  # type: ignore[arg-type]  # its addresses are tuples of Any
        local, remote = ends(server)
        assert ask_kernel(local, remote) == SocketRow(1, os.geteuid(), os.fstat(client.fileno()).st_ino)
        assert from_tables(local, remote) == ask_kernel(local, remote)


def test_without_sock_diag_the_owner_is_read_from_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    with connected("mapped") as (_client, server), pytest.raises(AttributeError):
        ask_kernel(*ends(server))
    for kind in ("ipv4", "ipv6", "mapped"):
        with connected(kind) as (_client, server):
            assert owner_of(*ends(server), os.fstat(server.fileno()).st_ino) == os.geteuid()


def test_the_owner_of_a_half_closed_connection_is_known() -> None:
    with connected("ipv4") as (client, server):
        client.shutdown(socket.SHUT_WR)
        assert owner_of(*ends(server)) == os.geteuid()


def test_a_client_that_has_closed_its_end_has_no_owner() -> None:
    """The kernel shows root as the owner of an end that no process has open."""
    with connected("ipv4") as (client, server):
        local, remote = ends(server)
        client.close()
        row = ask_kernel(local, remote)
        assert row is not None
        assert (row.uid, row.inode) == (0, 0)
        assert owner_of(local, remote) is None


@pytest.mark.parametrize(
    ("overflow", "uid_map", "is_known"),
    [
        ("own", "0 0 4294967295", True),
        ("own", "0 1000 1", False),
        ("own", "0 100000 65536\n65536 0 1", False),
        ("own", None, False),
        ("other", "0 1000 1", True),
        (None, "0 0 4294967295", False),
    ],
)
def test_the_user_that_stands_for_all_that_a_container_does_not_have_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overflow: str | None, uid_map: str | None, is_known: bool
) -> None:
    """The files are those of a service of the overflow user, outside and inside a user namespace."""
    if overflow is not None:
        (tmp_path / "overflowuid").write_text(f"{os.geteuid() + (overflow == 'other')}\n")
    if uid_map is not None:
        (tmp_path / "uid_map").write_text(f"{uid_map}\n")
    monkeypatch.setattr(socket_owner, "_OVERFLOW_UID", tmp_path / "overflowuid")
    monkeypatch.setattr(socket_owner, "_UID_MAP", tmp_path / "uid_map")
    with connected("ipv4") as (_client, server):
        assert owner_of(*ends(server)) == (os.geteuid() if is_known else None)


def test_a_client_that_has_reset_the_connection_has_no_owner() -> None:
    with connected("ipv4") as (client, server):
        local, remote = ends(server)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert owner_of(local, remote) is None
        assert ClientOf(server).owner() is None  # type: ignore[arg-type]  # as above


def test_a_later_connection_with_the_same_addresses_is_not_this_one() -> None:
    with connected("ipv4") as (_client, server), connected("ipv4") as (_, another):
        assert owner_of(*ends(server), os.fstat(another.fileno()).st_ino) is None


def test_a_connection_in_the_backlog_that_no_process_has_accepted_has_no_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        assert owner_of(SocketAddress.of(*client.getsockname()), SocketAddress.of(*listener.getsockname())) is None


@pytest.mark.parametrize(
    "peer", ["unix:", "unix:/run/x", "ipv4:127.0.0.1", "ipv4:127.0.0.1:x", "ipv4:::1", "", "ipv6:%5B"]
)
def test_a_peer_that_is_no_tcp_address_has_no_owner(peer: str) -> None:
    assert owner_of_peer(peer, ("127.0.0.1", 8080)) is None


@pytest.mark.parametrize("kind", ["ipv4", "ipv6"])
def test_grpcs_name_of_a_peer_is_read(kind: str) -> None:
    with connected(kind) as (client, server):
        host, port = client.getsockname()[:2]
        peer = f"ipv6:%5B{host.replace(':', '%3A')}%5D:{port}" if kind == "ipv6" else f"ipv4:{host}:{port}"
        assert owner_of_peer(peer, server.getsockname()[:2]) == os.geteuid()


def test_an_error_of_the_kernel_is_no_socket() -> None:
    refused = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -2) + b"\0" * 16
    assert parse_answer(refused) is None
    assert parse_answer(b"") is None
