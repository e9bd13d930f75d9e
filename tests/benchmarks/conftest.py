"""Make the modules of benchmarks/ importable: the scripts import their helpers without a package."""

from __future__ import annotations

import sys

from conftest import ROOT

# Last: tests/launcher, a package for this reason, and benchmarks/launcher.py have the same name.
sys.path.append(str(ROOT / "benchmarks"))
