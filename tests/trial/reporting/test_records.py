"""The metric file's lines are compared with those that cloudml-hypertune writes."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import hypertune
import pytest

from hydra_vertex.trial.reporting.records import HypertuneRecord, make_line, next_step, parse_records


@pytest.mark.parametrize("trial_id", [None, "7"])
@pytest.mark.parametrize(
    ("metric", "value", "step"),
    [("val/loss", 0.1, 0), ("größe", -1e-300, 12), ('quote"d', 3.0, 10**15), ("loss", sys.float_info.max, 1)],
)
def test_a_line_is_identical_to_hypertunes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial_id: str | None, metric: str, value: float, step: int
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1234567890.125)
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "theirs"))
    monkeypatch.delenv("CLOUD_ML_TRIAL_ID", raising=False)
    if trial_id is not None:
        monkeypatch.setenv("CLOUD_ML_TRIAL_ID", trial_id)
    hypertune.HyperTune().report_hyperparameter_tuning_metric(metric, value, global_step=step)
    assert make_line(metric, value, step) == (tmp_path / "theirs").read_bytes()


def test_creating_a_line_writes_no_hypertune_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "folder" / "file"))
    assert json.loads(make_line("loss", 1.0, 3))["loss"] == "1.0"
    assert list(tmp_path.iterdir()) == []


def test_records_are_read_in_the_order_of_their_lines() -> None:
    content = make_line("loss", 0.5, 10) + make_line("acc", 0.25, 20)
    assert list(parse_records(content)) == [HypertuneRecord("loss", 0.5, 10), HypertuneRecord("acc", 0.25, 20)]


@pytest.mark.parametrize("spaces", [1, 500])
def test_padding_does_not_change_a_record(spaces: int) -> None:
    line = make_line("loss", 0.5, 10)
    assert list(parse_records(line[:-1] + b" " * spaces + b"\n")) == list(parse_records(line))


@pytest.mark.parametrize(
    "line",
    [b"", b"not a record", b"[1]", b"\xff\xfe", b'{"loss": "0.5', b'{"loss": "high"}', b'{"global_step": "x"}'],
)
def test_a_line_that_is_not_a_record_is_skipped(line: bytes) -> None:
    assert list(parse_records(line + b"\n" + make_line("loss", 1.0, 2))) == [HypertuneRecord("loss", 1.0, 2)]


def test_a_record_without_a_metric_still_has_a_step() -> None:
    (record,) = parse_records(b'{"global_step": "40"}')
    assert (record.metric, record.step) == (None, 40)
    assert math.isnan(record.value)


@pytest.mark.parametrize(
    ("asked", "last", "step"),
    [
        (None, None, 1),
        (None, 0, 1),
        (None, 40, 41),
        (0, None, 0),
        (7, None, 7),
        (50, 40, 50),
        (40, 40, 41),
        (3, 40, 41),
    ],
)
def test_steps_of_a_metric_always_increase(asked: int | None, last: int | None, step: int) -> None:
    assert next_step(asked, last) == step
