"""The client of one connection: its user, looked up once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote

from .socket_owner import owner_of
from .socket_table import SocketAddress


class ConnectedSocket(Protocol):
    """The part of a socket that is used: asyncio wraps it."""

    def fileno(self) -> int:
        """Return the file descriptor; -1 when the socket is closed."""

    def getsockname(self) -> tuple[str, int]:
        """Return this end's address."""

    def getpeername(self) -> tuple[str, int]:
        """Return the client's address. Raises OSError when the client has reset the connection."""


class ClientOf:
    """The user of a connection's client."""

    def __init__(self, connected: ConnectedSocket) -> None:
        self._socket = connected
        self._owner: int | None = None
        self._is_known = False

    def owner(self) -> int | None:
        """Return the user id; None when it cannot be known. Reads from the kernel at the first call only."""
        if not self._is_known:
            self._owner = self._look_up()
            self._is_known = True
        return self._owner

    @property
    def is_looked_up(self) -> bool:
        """Whether `owner` returns at once."""
        return self._is_known

    def _look_up(self) -> int | None:
        def addresses() -> tuple[SocketAddress, SocketAddress, int]:
            client, server = self._socket.getpeername()[:2], self._socket.getsockname()[:2]
            return SocketAddress.of(*client), SocketAddress.of(*server), os.fstat(self._socket.fileno()).st_ino

        return _owner(addresses)


def owner_of_peer(peer: str, server: tuple[str, int]) -> int | None:
    """Return the user id of the client that gRPC names `ipv4:127.0.0.1:50312` or `ipv6:%5B::1%5D:50312`.

    It is looked up at each call, because another program may use the same port later.
    """

    def addresses() -> tuple[SocketAddress, SocketAddress, int | None]:
        host, _, port = unquote(peer).partition(":")[2].rpartition(":")
        return SocketAddress.of(host.strip("[]"), int(port)), SocketAddress.of(*server), None

    return _owner(addresses)


def _owner(addresses: Callable[[], tuple[SocketAddress, SocketAddress, int | None]]) -> int | None:
    try:
        client, server, inode = addresses()
    except (OSError, ValueError):  # The connection is closed, or is none of TCP.
        return None
    return owner_of(client, server, inode)
