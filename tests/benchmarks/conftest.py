"""The benchmarks' helpers are plain modules beside their scripts."""

from __future__ import annotations

import sys

from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
