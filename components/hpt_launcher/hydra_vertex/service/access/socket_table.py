"""Finds a connection in the text of `/proc/net/tcp` and `/proc/net/tcp6`. Pure.

Source of the format: tcp4_seq_show and tcp6_seq_show in the Linux kernel (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c).
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_MAPPED = ipaddress.IPv6Address("::ffff:0.0.0.0")


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """One end of a TCP connection. An IPv4 address mapped into IPv6 (`::ffff:127.0.0.1`) is the IPv4 address."""

    ip: IpAddress
    port: int

    @classmethod
    def of(cls, host: str, port: int) -> SocketAddress:
        """Return the address of a numeric host, which may end with a zone (`fe80::1%eth0`). Raises ValueError."""
        ip = ipaddress.ip_address(host.partition("%")[0])
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        return cls(mapped or ip, port)


@dataclass(frozen=True, slots=True)
class SocketRow:
    """The kernel's entry of one end of a connection.

    `state` is a number of `net/tcp_states.h`; `uid` is the owner as this user namespace sees it; `inode` is 0 for an
    end that no process has open, whose `uid` means nothing.
    """

    state: int
    uid: int
    inode: int


def find_row(table: bytes, local: SocketAddress, remote: SocketAddress) -> SocketRow | None:
    """Return the row of the end `local` of the connection to `remote`; None when the table has none."""
    for needle in _needles(local, remote):
        start = table.find(needle)
        if start >= 0:
            line = table[start:].partition(b"\n")[0]
            return _row(line)
    return None


def _needles(local: SocketAddress, remote: SocketAddress) -> list[bytes]:
    """Return the texts of both addresses: for IPv4 those of `tcp`, and of `tcp6` for a socket with mapped addresses."""
    plain = f" {_text(local.ip, local.port)} {_text(remote.ip, remote.port)} ".encode()
    if local.ip.version == 6 or remote.ip.version == 6:
        return [plain]
    mapped = f" {_text(_mapped(local.ip), local.port)} {_text(_mapped(remote.ip), remote.port)} ".encode()
    return [plain, mapped]


def _mapped(ip: IpAddress) -> IpAddress:
    return ipaddress.IPv6Address(int(_MAPPED) + int(ip))


def _text(ip: IpAddress, port: int) -> str:
    """Return an address as the kernel writes it: each 32-bit word as a number of this machine, then the port."""
    packed = ip.packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _row(line: bytes) -> SocketRow | None:
    """Parse a row from its addresses on: local, remote, state, queues, timer, retransmits, uid, timeout, inode."""
    fields = line.split()
    try:
        return SocketRow(state=int(fields[2], 16), uid=int(fields[6]), inode=int(fields[8]))
    except (IndexError, ValueError):
        return None
