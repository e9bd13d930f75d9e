"""Finds out which user of this machine opened the client's end of a connection, on Linux."""

from __future__ import annotations

import os
from pathlib import Path

from .socket_diag import ask_kernel
from .socket_table import SocketAddress, SocketRow, find_row

ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT = 1, 4, 5, 8
"""Numbers of net/tcp_states.h."""
_CLIENT_STATES = frozenset({ESTABLISHED, FIN_WAIT1, FIN_WAIT2})
_SERVER_STATES = frozenset({ESTABLISHED, CLOSE_WAIT})
_TABLES = (Path("/proc/thread-self/net/tcp"), Path("/proc/thread-self/net/tcp6"))
_OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")
_UID_MAP = Path("/proc/self/uid_map")
_ALL_UIDS = (0, 0, 4294967295)


def owner_of(client: SocketAddress, server: SocketAddress, server_inode: int | None = None) -> int | None:
    """Return the user id of the client of a connection; None when it cannot be known.

    It cannot be known on other systems than Linux, when the client is in another network or user namespace, and when it
    has closed its end: the kernel gives such an end to root. `server_inode` is that of this process's end; None accepts
    any end that a process has open.
    """
    theirs = _look_up(client, server)
    if theirs is None or not theirs.inode or theirs.state not in _CLIENT_STATES:
        return None
    # Only while this end of the connection exists can no other program have the client's address.
    ours = _look_up(server, client)
    if ours is None or not ours.inode or ours.state not in _SERVER_STATES:
        return None
    return None if server_inode not in (None, ours.inode) or _stands_for_others(theirs.uid) else theirs.uid


def _look_up(local: SocketAddress, remote: SocketAddress) -> SocketRow | None:
    try:
        row = ask_kernel(local, remote)
    except (OSError, AttributeError):  # AttributeError: no AF_NETLINK, as on macOS
        row = None
    return row or _look_up_in_tables(local, remote)


def _look_up_in_tables(local: SocketAddress, remote: SocketAddress) -> SocketRow | None:
    """Look a socket up where sock_diag is not available, such as in a sandbox or without the module tcp_diag."""
    for table in _TABLES:
        try:
            row = find_row(table.read_bytes(), local, remote)
        except OSError:
            continue
        if row is not None:
            return row
    return None


def _stands_for_others(uid: int) -> bool:
    """Whether the id is the one that this user namespace shows for all users that it does not have."""
    try:
        if uid != int(_OVERFLOW_UID.read_text()):
            return False
        return tuple(map(int, _UID_MAP.read_text().split())) != _ALL_UIDS
    except (OSError, ValueError):
        return True


def own_uid() -> int:
    """Return the user id of this process."""
    return os.geteuid()
