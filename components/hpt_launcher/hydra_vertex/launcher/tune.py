"""The path of `hydra_vertex.launcher.steps.tune` before 0.2.0, which pipelines compiled until then name."""

from __future__ import annotations

import sys

from hydra_vertex.launcher.steps.step import run_step
from hydra_vertex.launcher.steps.tune import tune

if __name__ == "__main__":
    sys.exit(run_step("tune", tune))
