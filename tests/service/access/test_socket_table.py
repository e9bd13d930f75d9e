"""The text of /proc/net/tcp and /proc/net/tcp6."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.service.access.socket_table import SocketAddress, SocketRow, find_row

HEADER = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
# Copied from a little-endian machine: a listener, both ends of a connection, and a closed end without an owner.
TCP = HEADER + (
    b"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0000000069096e\n"
    b"   1: 0100007F:C4A2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 52 1 00000000e794cd\n"
    b"   2: 0100007F:1F90 0100007F:C4A2 01 00000000:00000000 00:00000000 00000000  1000        0 53 1 00000000e794ce\n"
    b"   3: 0100007F:C4A3 0100007F:1F90 06 00000000:00000000 03:00000E10 00000000     0        0 0 3 00000000e794cd24\n"
)
TCP6 = HEADER + (
    b"   0: 00000000000000000000000001000000:9C40 00000000000000000000000001000000:1F90 01 00000000:00000000 "
    b"00:00000000 00000000  1002        0 61 1 0000000000000000 20 4 30 10 -1\n"
    b"   1: 0000000000000000FFFF00000100007F:9C41 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 "
    b"00:00000000 00000000  1003        0 62 1 0000000000000000 20 4 30 10 -1\n"
)
little_endian = pytest.mark.skipif(struct.pack("=H", 1) != b"\x01\x00", reason="the texts are of another byte order")


@little_endian
@pytest.mark.parametrize(
    ("table", "local", "remote", "row"),
    [
        (TCP, ("127.0.0.1", 50338), ("127.0.0.1", 8080), SocketRow(1, 1001, 52)),
        (TCP, ("127.0.0.1", 8080), ("127.0.0.1", 50338), SocketRow(1, 1000, 53)),
        (TCP, ("127.0.0.1", 50339), ("127.0.0.1", 8080), SocketRow(6, 0, 0)),
        (TCP, ("127.0.0.1", 50340), ("127.0.0.1", 8080), None),
        (TCP, ("127.0.0.2", 50338), ("127.0.0.1", 8080), None),
        (TCP6, ("::1", 40000), ("::1", 8080), SocketRow(1, 1002, 61)),
        (TCP6, ("127.0.0.1", 40001), ("127.0.0.1", 8080), SocketRow(1, 1003, 62)),
        (TCP6, ("::ffff:127.0.0.1", 40001), ("::ffff:127.0.0.1", 8080), SocketRow(1, 1003, 62)),
        (TCP6, ("::1", 40001), ("::1", 8080), None),
        (b"", ("::1", 40001), ("::1", 8080), None),
    ],
)
def test_an_end_of_a_connection_is_found_by_both_addresses(
    table: bytes, local: tuple[str, int], remote: tuple[str, int], row: SocketRow | None
) -> None:
    assert find_row(table, SocketAddress.of(*local), SocketAddress.of(*remote)) == row


addresses = st.ip_addresses().map(str).filter(lambda text: not text.startswith("::ffff:"))
ports = st.integers(1, 65535)
ends = st.tuples(addresses, ports)
rows = st.builds(SocketRow, st.integers(1, 12), st.integers(0, 2**32 - 2), st.integers(0, 2**40))


def kernel_text(address: tuple[str, int], *, as_v6: bool) -> str:
    """The kernel's format: `%08X` of each word in the machine's byte order."""
    ip = ipaddress.ip_address(address[0])
    packed = b"\0" * 10 + b"\xff\xff" + ip.packed if as_v6 and ip.version == 4 else ip.packed
    words = [packed[place : place + 4] for place in range(0, len(packed), 4)]
    return "".join(f"{struct.unpack('=I', word)[0]:08X}" for word in words) + f":{address[1]:04X}"


@given(st.lists(st.tuples(ends, ends, rows), max_size=8, unique_by=lambda entry: entry[:2]), st.booleans())
def test_every_row_of_a_table_is_found_and_no_other(
    entries: list[tuple[tuple[str, int], tuple[str, int], SocketRow]], as_v6: bool
) -> None:
    table = HEADER
    wanted: dict[tuple[SocketAddress, SocketAddress], SocketRow] = {}
    for number, (local, remote, row) in enumerate(entries):
        if ipaddress.ip_address(local[0]).version != ipaddress.ip_address(remote[0]).version:
            continue
        texts = [kernel_text(end, as_v6=as_v6) for end in (local, remote)]
        table += (
            f"{number:4d}: {texts[0]} {texts[1]} {row.state:02X} 00000000:00000000 00:00000000 00000000 {row.uid:5d} "
            f"{0:8d} {row.inode} 1 0000000000000000 20 4 30 10 -1\n"
        ).encode()
        wanted.setdefault((SocketAddress.of(*local), SocketAddress.of(*remote)), row)
    for (local_end, remote_end), row in wanted.items():
        assert find_row(table, local_end, remote_end) == row
        if (remote_end, local_end) not in wanted:
            assert find_row(table, remote_end, local_end) is None


@given(st.binary(max_size=300))
def test_any_other_text_has_no_row_and_raises_nothing(noise: bytes) -> None:
    local, remote = SocketAddress.of("127.0.0.1", 50338), SocketAddress.of("127.0.0.1", 8080)
    start = TCP.find(b" 0100007F:C4A2")
    assert find_row(noise, local, remote) is None
    cut = TCP[start : start + 54] + noise.replace(b"\n", b"")
    found = find_row(cut, local, remote)
    assert found is None or isinstance(found, SocketRow)
