"""Old module path of `hydra_vertex.launcher.steps.tune`, used by pipelines that were compiled before 0.2.0."""

from __future__ import annotations

import sys

from hydra_vertex.launcher.steps.step import run_step
from hydra_vertex.launcher.steps.tune import tune

if __name__ == "__main__":
    sys.exit(run_step("tune", tune))
