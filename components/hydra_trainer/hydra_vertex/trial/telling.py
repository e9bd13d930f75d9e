"""What hydra-trial itself says. Stdout is the app's, so it goes to stderr, a line at a time."""

from __future__ import annotations

import sys

from .protocol.command import PROGRAM


def tell(message: str) -> None:
    """One line on stderr, in hydra-trial's name."""
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr, flush=True)
