"""Make the modules of benchmarks/ importable: the scripts import their helpers without a package."""

from __future__ import annotations

import sys

from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
