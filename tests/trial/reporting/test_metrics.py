"""A metric's name and the path of the metric file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import MetricError
from hydra_vertex.protocol.metric_fields import RECORD_FIELDS
from hydra_vertex.trial.reporting.metrics import (
    check_metric_name,
    check_metric_option,
    metric_file,
    names_of_metrics,
)


@pytest.mark.parametrize(
    ("option", "environ", "app", "name"),
    [
        ("loss", {"CLOUD_ML_HP_METRIC_TAG": "tag"}, "acc", "loss"),
        (None, {"CLOUD_ML_HP_METRIC_TAG": "tag"}, "acc", "tag"),
        (None, {}, "acc", "acc"),
        (None, {}, None, "metric"),
        (None, {}, 3, "metric"),
        (None, {}, ["loss", "size"], "loss size"),
        (None, {}, [], "metric"),
        ('["loss","size"]', {}, "acc", "loss size"),
        ('["loss"', {}, None, '["loss"'),
        ("[1]", {}, None, "[1]"),
        ("[]", {}, None, "[]"),
    ],
)
def test_the_users_name_has_precedence_over_the_services_and_the_apps(
    option: str | None, environ: dict[str, str], app: object, name: str
) -> None:
    assert names_of_metrics(option, environ, app) == tuple(name.split())


def test_an_app_started_manually_has_no_metric_file() -> None:
    assert metric_file({}) is None


def test_a_trials_default_metric_file_is_the_one_that_vertex_reads() -> None:
    assert metric_file({"CLOUD_ML_TRIAL_ID": "3"}) == Path("/tmp/hypertune/output.metrics")  # noqa: S108 - hypertune's


def test_a_file_without_a_folder_is_in_the_working_directory() -> None:
    assert metric_file({"CLOUD_ML_HP_METRIC_FILE": "out"}) == Path("out").absolute()


@pytest.mark.parametrize("name", ["loss", "val/loss", "val/loss_epoch", "größe", "a=b"])
def test_any_name_without_whitespace_can_be_recorded(name: str) -> None:
    check_metric_name(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("val loss", "must not contain whitespace; write 'val_loss'"),
        ("loss\n", "must not contain whitespace; write 'loss'"),
        ("", "expected a name such as 'val/loss'"),
        (None, "--metric is None"),
        (7, "--metric is 7"),
        *((field, "a field of the metric file's records") for field in RECORD_FIELDS),
    ],
)
def test_a_name_that_a_record_cannot_contain_is_refused(name: object, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        check_metric_name(name, "--metric")


@pytest.mark.parametrize("text", ["loss", '["loss","size"]', "[1]", '["loss"'])
def test_one_name_and_an_array_of_names_are_accepted(text: str) -> None:
    check_metric_option(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[loss,size]",
            r"""--metric is '\[loss,size\]'; several names are a JSON array .*: --metric '\["val/loss","size"\]'""",
        ),
        ('["loss",3]', "several names are a JSON array of texts"),
        ('["loss","loss"]', "with 'loss' twice; name each metric once"),
        ('["loss",""]', "--metric is ''; expected a name"),
        ('["loss","the size"]', "--metric is 'the size'; a name must not contain whitespace"),
    ],
)
def test_an_array_that_names_no_metrics_is_refused(text: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        check_metric_option(text)
