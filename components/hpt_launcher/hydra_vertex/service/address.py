"""Where a service listens."""

from __future__ import annotations

from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens. Port 0 takes a free one; `grpc_port` None is a service without gRPC.

    `token` is what every request must carry; None asks for nothing, which only loopback may. gRPC stays on loopback.
    """

    port: int = 0
    grpc_port: int | None = None
    host: str = LOOPBACK
    token: str | None = field(default=None, repr=False)
