"""A process that reports into `$CLOUD_ML_HP_METRIC_FILE`: `metric_writer.py METRIC FOLDER`.

It creates `METRIC.ready` in FOLDER, waits for `start` there, reports until `stop` exists, and prints the number of
values. Odd values are reported by `hydra_vertex.trial.report`, each even one by a new instance of cloudml-hypertune's
class, patched as in an app under hydra-trial.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from hydra_vertex.trial import report
from hydra_vertex.trial.reporting.reporting import prepare_reporting

prepare_reporting(())

import hypertune  # noqa: E402 - imported after the patch, as in an app under hydra-trial


def main(metric: str, folder: Path) -> None:
    folder.joinpath(f"{metric}.ready").touch()
    while not folder.joinpath("start").exists():
        time.sleep(0.001)
    value = 0
    while not folder.joinpath("stop").exists():
        value += 1
        if value % 2:
            report(metric, value, step=value)
        else:
            hypertune.HyperTune().report_hyperparameter_tuning_metric(metric, value, global_step=value)
    print(value)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
