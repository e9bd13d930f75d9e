"""The address on which a service listens."""

from __future__ import annotations

from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """The address on which a service listens. Port 0 selects a free port; `grpc_port` None disables gRPC.

    Every request must contain `token`. None is allowed on loopback only: the service's user then needs no token, and
    other users need the one that the service makes. gRPC is always served on loopback.
    """

    port: int = 0
    grpc_port: int | None = None
    host: str = LOOPBACK
    token: str | None = field(default=None, repr=False)
