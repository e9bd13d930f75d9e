"""An HTTPS proxy that redirects connections to Google's endpoint to a service on this machine.

It is for clients whose endpoint cannot be configured. The client gets the proxy's address in `grpc_proxy` and its
self-signed certificate in `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`. It connects with TLS, through the proxy, to
`us-central1-aiplatform.googleapis.com:443`; the proxy forwards the decrypted bytes to the service's plaintext port.
The client is unmodified, and no data leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
READ_BYTES = 1 << 16
VALID_FOR = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


def make_identity(folder: Path, host: str) -> Identity:
    """Create a self-signed certificate for a host, valid for one day. Raises ImportError without `cryptography`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    start = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - VALID_FOR)
        .not_valid_after(start + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    identity = Identity(folder / "certificate.pem", folder / "key.pem")
    identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    identity.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return identity


@contextlib.asynccontextmanager
async def relay(identity: Identity, target: str) -> AsyncIterator[str]:
    """Run the proxy and yield its address. It forwards every connection, decrypted, to `target` (`HOST:PORT`)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    front = await asyncio.start_server(lambda r, w: _join(r, w, host, int(port)), HOST, 0, ssl=context)
    front_port = front.sockets[0].getsockname()[1]

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _join(reader, writer, HOST, front_port)

    proxy = await asyncio.start_server(connect, HOST, 0)
    async with front, proxy:
        yield f"{HOST}:{proxy.sockets[0].getsockname()[1]}"


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Connect to a port and copy bytes in both directions until either side closes."""
    try:
        onward_reader, onward_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))
    finally:
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
