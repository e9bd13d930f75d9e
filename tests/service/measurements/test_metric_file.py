"""Reading a metric file, written by cloudml-hypertune or by a broken app."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
from hypertune import HyperTune
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Goal, MeasurementSelection, MetricSpec
from hydra_vertex.service.measurements.metric_file import (
    MetricReport,
    final_measurement,
    measurements_of,
    no_value_reason,
    read_reports,
)

LOSS = MetricSpec("loss", Goal.MINIMIZE)


def records(*values: float) -> list[MetricReport]:
    return [MetricReport("loss", value, step, 100.0 + step) for step, value in enumerate(values, start=1)]


def final(selection: MeasurementSelection, goal: Goal, *values: float) -> float | None:
    given = records(*values)
    chosen = final_measurement(given, measurements_of(given, "loss", 100.0), MetricSpec("loss", goal), selection)
    return None if chosen is None else chosen.metrics["loss"]


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (MeasurementSelection.LAST, {"loss": 2.0, "acc": 0.7, "f1": 0.1}),
        (MeasurementSelection.BEST, {"loss": 1.0, "acc": 0.9, "f1": 0.1}),
    ],
)
def test_other_metrics_are_added_to_the_objective_at_the_same_step(
    selection: MeasurementSelection, wanted: dict[str, float]
) -> None:
    given = [
        MetricReport("f1", 0.1, 9, None),
        MetricReport("loss", 1.0, 1, None),
        MetricReport("acc", 0.9, 1, None),
        MetricReport("acc", 0.7, 2, None),
        MetricReport("loss", 2.0, 2, None),
        MetricReport("not-in-the-study", 5.0, 2, None),
    ]
    others = ("acc", "f1")
    measurements = measurements_of(given, "loss", 0.0, other_ids=others)
    assert [dict(m.metrics) for m in measurements] == [{"loss": 1.0, "acc": 0.9}, {"loss": 2.0, "acc": 0.7}]
    chosen = final_measurement(given, measurements, LOSS, selection, others)
    assert chosen is not None
    assert dict(chosen.metrics) == wanted


@pytest.mark.parametrize("selection", [MeasurementSelection.LAST, MeasurementSelection.BEST])
def test_a_trial_without_a_value_of_one_objective_has_no_final_measurement(selection: MeasurementSelection) -> None:
    given = [MetricReport("loss", 1.0, 1, None), MetricReport("acc", 0.9, 1, None)]
    measurements = measurements_of(given, "loss", 0.0, other_ids=("acc", "size"))
    assert final_measurement(given, measurements, LOSS, selection, ("acc", "size")) is None
    assert no_value_reason(given, ("loss", "acc", "size")) == (
        "exited with code 0 but reported no value of 'size'; it reported 'acc', 'loss'"
    )


def test_the_last_value_of_each_objective_has_to_be_finite() -> None:
    given = [
        MetricReport("loss", 1.0, 1, None),
        MetricReport("acc", 0.9, 1, None),
        MetricReport("acc", math.nan, 2, None),
    ]
    measurements = measurements_of(given, "loss", 0.0, other_ids=("acc",))
    assert final_measurement(given, measurements, LOSS, MeasurementSelection.LAST, ("acc",)) is None
    assert no_value_reason(given, ("loss", "acc")).endswith("the value that it reported of 'acc' is nan")


def test_what_cloudml_hypertune_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "metrics.jsonl"))
    reporter = HyperTune()
    for step, value in [(1, 0.5), (2, 0.25)]:
        reporter.report_hyperparameter_tuning_metric("val/loss", value, global_step=step)
    found = read_reports(tmp_path / "metrics.jsonl")
    assert [(record.metric, record.value, record.step) for record in found] == [
        ("val/loss", 0.5, 1),
        ("val/loss", 0.25, 2),
    ]
    assert all(record.timestamp_s is not None for record in found)


@given(st.binary(max_size=200))
def test_any_content_can_be_read(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        found = read_reports(Path(file.name))

    assert len(found) <= content.count(b"\n") + 1


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "[]",
        '"loss"',
        '{"loss": null}',
        '{"loss": true}',
        '{"loss": {}}',
        '{"loss": "?"}',
        '{"loss": 1' + "0" * 400 + "}",
        "[" * 100_000,
        '{"global_step": "3"}',
    ],
)
def test_a_line_without_a_value_is_not_a_record(tmp_path: Path, line: str) -> None:
    (tmp_path / "m").write_text(f'{line}\n{{"loss": "2", "global_step": "inf", "timestamp": "nan"}}\n')
    assert read_reports(tmp_path / "m") == (MetricReport("loss", 2.0, 0, None),)


def test_a_missing_file_has_no_records(tmp_path: Path) -> None:
    assert read_reports(tmp_path / "m") == ()


def test_only_the_last_records_of_a_long_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("".join(f'{{"loss": {n}}}\n' for n in range(100_000)))
    assert [record.value for record in read_reports(tmp_path / "m")] == [float(n) for n in range(99_000, 100_000)]


@pytest.mark.parametrize(
    ("selection", "goal", "values", "chosen"),
    [
        (MeasurementSelection.LAST, Goal.MINIMIZE, (3.0, 1.0, 2.0), 2.0),
        (MeasurementSelection.UNSPECIFIED, Goal.MINIMIZE, (3.0, 1.0, 2.0), 2.0),
        (MeasurementSelection.BEST, Goal.MINIMIZE, (3.0, 1.0, 2.0), 1.0),
        (MeasurementSelection.BEST, Goal.MAXIMIZE, (3.0, 1.0, 2.0), 3.0),
        (MeasurementSelection.BEST, Goal.UNSPECIFIED, (3.0, 1.0, 2.0), 3.0),
        (MeasurementSelection.LAST, Goal.MINIMIZE, (1.0, float("nan")), None),
        (MeasurementSelection.BEST, Goal.MINIMIZE, (1.0, float("-inf"), float("nan")), 1.0),
        (MeasurementSelection.BEST, Goal.MINIMIZE, (float("nan"),), None),
        (MeasurementSelection.LAST, Goal.MINIMIZE, (), None),
    ],
)
def test_the_measurement_selection_decides_the_final_measurement(
    selection: MeasurementSelection, goal: Goal, values: tuple[float, ...], chosen: float | None
) -> None:
    assert final(selection, goal, *values) == chosen


def test_other_metrics_do_not_affect_the_final_measurement() -> None:
    given = [*records(1.0), MetricReport("accuracy", float("nan"), 2, None)]
    measurements = measurements_of(given, "loss", 100.0)
    chosen = final_measurement(given, measurements, LOSS, MeasurementSelection.LAST)
    assert chosen is not None
    assert (chosen.metrics, chosen.step_count, chosen.elapsed_s) == ({"loss": 1.0}, 1, 1.0)


def test_the_reason_of_a_missing_value_names_the_reported_metrics() -> None:
    assert no_value_reason([], ["loss"]) == "exited with code 0 but reported no value of 'loss'"
    assert no_value_reason([MetricReport("acc", 1.0, 0, None)], ["loss"]).endswith("'loss'; it reported 'acc'")
    assert no_value_reason(records(float("inf")), ["loss"]).endswith("of 'loss' is inf")
