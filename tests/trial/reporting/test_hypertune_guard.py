"""Each defect of cloudml-hypertune's class is absent in an app under hydra-trial."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent

import pytest

from trial.apps import run, trial, write_app

APP = """
    import os

    import hydra
    import hypertune
    from hypertune import HyperTune


    @hydra.main(config_path="conf", config_name="config", version_base="1.3")
    def main(cfg):
BODY


    if __name__ == "__main__":
        main()
    """


def run_app(
    folder: Path, body: str, environ: Mapping[str, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, str]]]:
    """Run the app with this body in its main. Return the process and the records in the metric file."""
    write_app(folder, APP.replace("BODY", indent(body, " " * 8)))
    ended = trial(folder, environ={"CLOUD_ML_HP_METRIC_FILE": "out/metrics", **(environ or {})})
    file = folder / "out/metrics"
    return ended, [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def values(records: list[dict[str, str]], metric: str = "metric") -> list[float]:
    return [float(record[metric]) for record in records if metric in record]


def test_a_second_reporter_keeps_the_records_of_the_first(tmp_path: Path) -> None:
    ended, records = run_app(
        tmp_path,
        "HyperTune().report_hyperparameter_tuning_metric('metric', 3.0, 1)\n"
        "hypertune.HyperTune().report_hyperparameter_tuning_metric('metric', 2.0, 2)\n"
        "return 1.0",
    )
    assert (ended.returncode, ended.stderr) == (0, "hydra-trial: metric = 1.0\n")
    assert values(records) == [3.0, 2.0, 1.0]


def test_a_record_has_hypertunes_own_format(tmp_path: Path) -> None:
    _, records = run_app(
        tmp_path,
        "HyperTune().report_hyperparameter_tuning_metric(hyperparameter_metric_tag='', metric_value='0.5',\n"
        "    checkpoint_path='gs://b/c')\n"
        "return 1.0",
        {"CLOUD_ML_TRIAL_ID": "4"},
    )
    del (fields := dict(records[0]))["timestamp"]
    assert fields == {
        "training/hptuning/metric": "0.5",
        "checkpoint_path": "gs://b/c",
        "global_step": "0",
        "trial": "4",
    }


def test_more_than_a_hundred_records_are_kept(tmp_path: Path) -> None:
    _, records = run_app(
        tmp_path,
        "tuner = HyperTune()\n"
        "for step in range(130):\n"
        "    tuner.report_hyperparameter_tuning_metric('metric', step, step)\n"
        "return -1",
    )
    assert values(records) == [*range(130), -1]


def test_non_finite_values_and_reserved_names_are_logged_and_not_recorded(tmp_path: Path) -> None:
    ended, records = run_app(
        tmp_path,
        "tuner = HyperTune()\n"
        "for tag, value in [('metric', float('nan')), ('metric', 'inf'), ('trial', 1), ('val loss', 1)]:\n"
        "    tuner.report_hyperparameter_tuning_metric(tag, value)\n"
        "return 1.0",
    )
    assert ended.returncode == 0
    assert values(records) == [1.0]
    assert [record["trial"] for record in records] == ["0"]
    lines = ended.stderr.splitlines()
    assert len(lines) == 5
    assert lines[0] == "hydra-trial: no measurement: the app reported metric = nan, which is not a finite number"
    assert "= inf, which is not a finite number" in lines[1]
    assert "a field of the metric file's records" in lines[2]
    assert "must not contain whitespace; write 'val_loss'" in lines[3]


def test_a_value_that_the_app_has_reported_itself_is_not_written_twice(tmp_path: Path) -> None:
    report = "HyperTune().report_hyperparameter_tuning_metric('metric', cfg.lr, global_step=70)"
    ended, records = run_app(tmp_path, f"{report}\nreturn cfg.lr")
    assert ended.stderr == "hydra-trial: metric = 0.1\n"
    assert [(record["metric"], record["global_step"]) for record in records] == [("0.1", "70")]


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    body = "HyperTune().report_hyperparameter_tuning_metric('metric', 3.0, 1)\nreturn 1.0"
    ended, records = run_app(tmp_path, body, {"RANK": "1"})
    assert (ended.returncode, ended.stderr, records) == (0, "", [])


def test_the_file_is_only_appended_to_and_never_truncated(tmp_path: Path) -> None:
    """Python's audit events of `open`: the file is only read or appended to."""
    _, records = run_app(
        tmp_path,
        "import sys\n"
        "opened = set()\n"
        "def audit(event, details):\n"
        "    if event == 'open' and str(details[0]).endswith('/metrics'):\n"
        "        opened.add(details[2] & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_CREAT | os.O_APPEND))\n"
        "sys.addaudithook(audit)\n"
        "HyperTune().report_hyperparameter_tuning_metric('metric', 3.0, 1)\n"
        "HyperTune().report_hyperparameter_tuning_metric('metric', 3.0, 1)\n"
        "assert opened == {os.O_RDONLY, os.O_WRONLY | os.O_APPEND}, opened\n"
        "return 1.0",
    )
    assert values(records) == [3.0, 3.0, 1.0]


def test_a_class_that_was_imported_earlier_is_also_patched(tmp_path: Path) -> None:
    code = (
        "from hypertune import HyperTune\n"
        "tuner = HyperTune()\n"
        "from hydra_vertex.trial.reporting.hypertune_guard import guard_hypertune\n"
        "guard_hypertune(); guard_hypertune()\n"
        "tuner.report_hyperparameter_tuning_metric('loss', 2.0)\n"
        "HyperTune().report_hyperparameter_tuning_metric('loss', 1.0)\n"
    )
    ended = run(tmp_path, [sys.executable, "-c", code], {"CLOUD_ML_HP_METRIC_FILE": str(tmp_path / "metrics")})
    assert ended.stderr == ""
    records = [json.loads(line) for line in (tmp_path / "metrics").read_text().splitlines()]
    assert values(records, "loss") == [2.0, 1.0]


def test_an_app_that_does_not_use_hypertune_does_not_import_it(tmp_path: Path) -> None:
    train = (
        APP.replace("    import hypertune\n    from hypertune import HyperTune\n", "    import sys\n")
        .replace("BODY", "        print('hypertune' in sys.modules)\n        return None")
    )  # fmt: skip
    ended = trial(write_app(tmp_path, train), environ={"CLOUD_ML_HP_METRIC_FILE": "metrics"})
    assert ended.stdout == "False\n"


@pytest.mark.parametrize("file", ["", "relative"])
def test_a_file_without_a_folder_does_not_fail(tmp_path: Path, file: str) -> None:
    """hypertune alone cannot create the folder of such a path, which has no folder part."""
    body = "HyperTune()\nprint('made')"
    ended, _ = run_app(tmp_path, body, {"CLOUD_ML_HP_METRIC_FILE": file})
    assert (ended.returncode, ended.stdout) == (0, "made\n"), ended.stderr
