"""Configuration of the whole suite: import path, known environment, signal handlers."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(ROOT / "tests"))

from known_environment import make_known  # noqa: E402 - found by the line above

make_known()

# A shell starts background commands with these two signals ignored, and every child process would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
