"""Fixtures of the whole suite; helpers of a folder are importable by its tests as plain modules."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(ROOT / "tests"))

from known_environment import make_known  # noqa: E402 - found by the line above

make_known()

# A shell starts what it puts into the background with these two ignored, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
