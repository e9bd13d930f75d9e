"""What hydra-trial says to the person who reads a trial's log."""

from __future__ import annotations

import sys

from hydra_vertex.protocol.command import PROGRAM


def tell(message: str) -> None:
    """One line on stderr, in hydra-trial's name."""
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr, flush=True)
