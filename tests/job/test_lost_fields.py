from __future__ import annotations

import pytest

from hydra_vertex.job import dump_study_spec, dump_trial_job_spec, parse_study_spec, parse_trial_job_spec
from hydra_vertex.job.lost_fields import lost_fields, require_kept
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

CONTAINER: Json = {"imageUri": "i", "env": [{"name": "A", "value": "1"}]}


def trial_job(container: Json) -> Json:
    return {"workerPoolSpecs": [{"containerSpec": container}], "base_output_directory": {"output_uri_prefix": "gs://b"}}


LOST: dict[str, tuple[Json, list[str]]] = {
    "nothing": (trial_job(CONTAINER), []),
    "a field of a container": (trial_job({"imageUri": "i", "arg": ["a"]}), ["workerPoolSpecs[0].containerSpec.arg"]),
    "a variable twice": (
        trial_job({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
        ["workerPoolSpecs[0].containerSpec.env"],
    ),
    "a field of a variable": (
        trial_job({"env": [{"name": "A", "value": "1", "secret": "s"}]}),
        ["workerPoolSpecs[0].containerSpec.env[0].secret"],
    ),
    "empty values": ({"scheduling": {}, "network": None, "workerPoolSpecs": []}, []),
}


@pytest.mark.parametrize("case", LOST)
def test_what_is_not_kept_of_a_trial_job_is_named(case: str) -> None:
    given, expected = LOST[case]

    assert list(lost_fields(given, dump_trial_job_spec(parse_trial_job_spec(given)), "")) == expected


def test_what_is_not_kept_of_a_parameter_is_refused_with_its_path() -> None:
    parameter: Json = {
        "parameterId": "lr",
        "scaleType": "SCALE_TYPE_UNSPECIFIED",
        "doubleValueSpec": {"minValue": 0, "maxValue": 1, "step": 0.1},
    }
    given: Json = {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}], "parameters": [parameter]}
    written = dump_study_spec(parse_study_spec(given))

    with pytest.raises(DocumentError, match=r"study_spec\.parameters\[0\]\.doubleValueSpec\.step.* would be lost"):
        require_kept(given, written, "study_spec")
