"""Old module path of `hydra_vertex.launcher.steps.select_best`, used by pipelines that were compiled before 0.2.0."""

from __future__ import annotations

import sys

from hydra_vertex.launcher.steps.select_best import select_best
from hydra_vertex.launcher.steps.step import run_step

if __name__ == "__main__":
    sys.exit(run_step("select_best", select_best))
