"""The metric file, in cloudml-hypertune's form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hydra_vertex.trial.metrics import metric_file, metric_name, report
from hydra_vertex.trial.protocol.errors import OutputError


def _records(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("option", "environ", "app", "name"),
    [
        ("loss", {"CLOUD_ML_HP_METRIC_TAG": "tag"}, "acc", "loss"),
        (None, {"CLOUD_ML_HP_METRIC_TAG": "tag"}, "acc", "tag"),
        (None, {}, "acc", "acc"),
        (None, {}, None, "metric"),
        (None, {}, 3, "metric"),
    ],
)
def test_the_users_name_comes_before_the_services_and_the_apps(
    option: str | None, environ: dict[str, str], app: object, name: str
) -> None:
    assert metric_name(option, environ, app) == name


def test_nobody_reads_the_file_of_an_app_started_by_hand() -> None:
    assert metric_file({}) is None


def test_a_trial_without_a_named_file_writes_where_vertex_reads() -> None:
    assert metric_file({"CLOUD_ML_TRIAL_ID": "3"}) == Path("/tmp/hypertune/output.metrics")  # noqa: S108 - hypertune's


def test_a_file_without_a_folder_is_in_the_working_directory() -> None:
    assert metric_file({"CLOUD_ML_HP_METRIC_FILE": "out"}) == Path("out").absolute()


def test_a_measurement_is_one_record_with_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_ML_TRIAL_ID", "7")
    file = tmp_path / "deep" / "output.metrics"
    report(file, "val/loss", 0.25)
    (record,) = _records(file)
    assert (record["val/loss"], record["trial"], record["global_step"]) == ("0.25", "7", "1")
    assert [path.name for path in file.parent.iterdir()] == ["output.metrics"]


def test_what_the_app_reported_itself_is_kept_in_front(tmp_path: Path) -> None:
    file = tmp_path / "output.metrics"
    file.write_text('{"loss": "3.0", "global_step": "40"}\nnot a record\n{"loss": "2.0", "global_step": "9"}')
    report(file, "loss", 1.0)
    assert file.read_text().splitlines()[1] == "not a record"
    assert json.loads(file.read_text().splitlines()[-1])["global_step"] == "41"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"output\.metrics: the measurement loss=1\.0 cannot be written"):
        report(tmp_path / "file" / "output.metrics", "loss", 1.0)
