"""Asks the Linux kernel for one TCP socket by its addresses (sock_diag(7)), without reading the table of all sockets.

Source of the structures: inet_diag_req_v2 and inet_diag_msg in linux/inet_diag.h, nlmsghdr in linux/netlink.h.
"""

from __future__ import annotations

import socket
import struct

from .socket_table import SocketAddress, SocketRow

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence number, port id."""
_REQUEST = struct.Struct("=BBBBI")
"""Family, protocol, extensions, padding, states; the socket's id follows."""
_ADDRESSES_BYTES = 48
_ANSWER_START = struct.Struct("=BBBB")
"""Family, state, timer, retransmits; the socket's id follows."""
_ANSWER_END = struct.Struct("=IIIII")
"""Expiry, receive queue, send queue, uid, inode."""
_ANSWER_LIMIT_BYTES = 1 << 16
_TIMEOUT_S = 1.0


def ask_kernel(local: SocketAddress, remote: SocketAddress) -> SocketRow | None:
    """Return the end `local` of the connection to `remote`; None when there is none.

    Raises OSError when the kernel has no sock_diag, AttributeError when the system has no netlink.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_TIMEOUT_S)
        kernel.sendto(request(local, remote), (0, 0))
        return parse_answer(kernel.recv(_ANSWER_LIMIT_BYTES))


def request(local: SocketAddress, remote: SocketAddress) -> bytes:
    """Return the request for one socket."""
    family = socket.AF_INET if local.ip.version == 4 else socket.AF_INET6
    ports = struct.pack("!HH", local.port, remote.port)
    ends = local.ip.packed.ljust(16, b"\0") + remote.ip.packed.ljust(16, b"\0")
    interface = struct.pack("=I", 0)
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE) + ports + ends + interface + _NO_COOKIE
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def parse_answer(answer: bytes) -> SocketRow | None:
    """Return the socket in an answer; None for an error, such as that there is no such socket."""
    start = _HEADER.size + _ANSWER_START.size
    if len(answer) < start + _ADDRESSES_BYTES + _ANSWER_END.size:
        return None
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None
    _, state, _, _ = _ANSWER_START.unpack_from(answer, _HEADER.size)
    _, _, _, uid, inode = _ANSWER_END.unpack_from(answer, start + _ADDRESSES_BYTES)
    return SocketRow(state, uid, inode)
