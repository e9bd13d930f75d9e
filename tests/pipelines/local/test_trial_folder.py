from __future__ import annotations

import json
from pathlib import Path

import pytest

from hydra_vertex.pipelines.local.trial_folder import OUTPUTS, with_output_folder


def base_of(arguments: dict[str, str | int], studies: Path) -> str:
    spec = json.loads(str(with_output_folder(arguments, studies)["trial_job_spec"]))
    return str(spec["baseOutputDirectory"]["outputUriPrefix"])


@pytest.mark.parametrize("spec", ["", "{}", '{"workerPoolSpecs": []}', '{"baseOutputDirectory": {}}'])
def test_trials_without_a_folder_get_one_of_their_study(tmp_path: Path, spec: str) -> None:
    first, second = (Path(base_of({"trial_job_spec": spec}, tmp_path)) for _ in range(2))

    assert first.parent == second.parent == tmp_path / OUTPUTS
    assert first != second


def test_a_bucket_is_the_folder_that_the_embedded_service_uses_for_it(tmp_path: Path) -> None:
    spec = '{"baseOutputDirectory": {"outputUriPrefix": "gs://b/x"}}'
    assert base_of({"trial_job_spec": spec}, tmp_path) == f"{tmp_path}/gcs/b/x"


def test_a_path_stays_as_it_is_and_so_does_everything_else(tmp_path: Path) -> None:
    given: dict[str, str | int] = {"trial_job_spec": '{"baseOutputDirectory":{"outputUriPrefix":"/x"}}', "n": 1}
    assert with_output_folder(given, tmp_path) == given

    pools = {"trial_job_spec": '{"workerPoolSpecs": [{"replicaCount": "2"}]}', "metric": "loss"}
    changed = with_output_folder(pools, tmp_path)
    assert changed["metric"] == "loss"
    assert json.loads(str(changed["trial_job_spec"]))["workerPoolSpecs"] == [{"replicaCount": "2"}]


def test_the_path_has_no_parts_that_the_service_refuses(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert ".." not in Path(base_of({}, tmp_path / "a" / ".." / "studies")).parts
