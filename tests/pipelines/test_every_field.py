"""Every field of the API's messages passes from a search file, and from the pipeline's parameters, to the job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import MessageToDict, ParseDict

from hydra_vertex.job import dump_job, dump_study_spec, dump_trial_job_spec, parse_study_spec, parse_trial_job_spec
from hydra_vertex.launcher.preflight.job_builder import build_job
from hydra_vertex.pipelines.plan import TuningPlan, make_plan
from hydra_vertex.pipelines.planned_job import planned_job
from hydra_vertex.protocol.errors import DocumentError, SearchSpaceError
from hydra_vertex.service.api.google_messages import message_class
from pipelines.every_field import CHOICES, JOB, document, leaves, renamed, replaced, snake_case, text_of

APP = ("python", "train.py")


def plan_of(folder: Path, given: Any) -> TuningPlan:
    file = folder / "search.yaml"
    file.write_text(yaml.safe_dump(given))
    return make_plan(file, APP)


def canonical(given: Any) -> Any:
    """Return a job as Google's own message class writes it."""
    return MessageToDict(ParseDict(given, message_class("HyperparameterTuningJob")()))


def without_command(job: Any) -> Any:
    for pool in job["trialJobSpec"]["workerPoolSpecs"]:
        pool["containerSpec"].pop("command", None)
    return job


@pytest.mark.parametrize("choice", CHOICES)
def test_the_made_documents_are_complete(choice: int) -> None:
    names = {field.full_name for _, field in leaves(document(choice), JOB)}

    assert len(names) > 60
    canonical(document(choice))


def test_together_the_made_documents_have_every_field_of_every_message() -> None:
    seen = {field.full_name for choice in CHOICES for _, field in leaves(document(choice), JOB)}

    assert sorted(missing_fields(JOB, seen, set())) == [
        "google.cloud.aiplatform.v1.ContainerSpec.command",
        *(f"google.cloud.aiplatform.v1.HyperparameterTuningJob.{name}" for name in OUTPUT),
        "google.cloud.aiplatform.v1.WorkerPoolSpec.python_package_spec",
    ]


OUTPUT = sorted(
    {"name", "state", "trials", "create_time", "start_time", "end_time", "update_time", "error"}
    | {"satisfies_pzs", "satisfies_pzi"}
)


def missing_fields(message: Any, seen: set[str], visited: set[str]) -> set[str]:
    if message.full_name in visited or message.GetOptions().map_entry:
        return set()
    visited.add(message.full_name)
    missing = {field.full_name for field in message.fields} - seen
    for field in message.fields:
        inner = field.message_type
        if field.full_name in seen and inner is not None and not inner.full_name.startswith("google.protobuf."):
            missing |= missing_fields(inner, seen, visited)
    return missing


@pytest.mark.parametrize("case", ["camelCase", "snake_case"])
@pytest.mark.parametrize("choice", CHOICES)
def test_every_field_of_a_search_file_reaches_the_job(tmp_path: Path, choice: int, case: str) -> None:
    given = document(choice)
    expected = canonical(given)

    job = planned_job(plan_of(tmp_path, given if case == "camelCase" else snake_case(given, JOB)))

    # The container's arguments are part of the app's command, and a label has their number.
    expected["labels"]["hydra-vertex-file-overrides"] = "1"
    assert job.trial_job_spec.worker_pools[0].container is not None
    assert job.trial_job_spec.worker_pools[0].container.command[-3:] == (*APP, "text")
    del expected["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]["args"]
    assert without_command(canonical(dump_job(job))) == expected


@pytest.mark.parametrize("choice", CHOICES)
def test_every_field_of_the_pipelines_parameters_reaches_the_job(choice: int) -> None:
    given = document(choice)

    job = build_job(
        display_name=given["displayName"],
        study_spec=parse_study_spec(given["studySpec"]),
        trial_job_spec=parse_trial_job_spec(given["trialJobSpec"]),
        app=APP,
        max_trial_count=given["maxTrialCount"],
        parallel_trial_count=given["parallelTrialCount"],
        max_failed_trial_count=given["maxFailedTrialCount"],
        labels=given["labels"],
        other={"encryptionSpec": given["encryptionSpec"]},
    )

    assert without_command(canonical(dump_job(job))) == canonical(given)


def test_a_python_package_is_kept(tmp_path: Path) -> None:
    package = {"executorImageUri": "i", "packageUris": ["gs://b/p"], "pythonModule": "m", "args": ["a"]}
    given = replaced(document(0), ("trialJobSpec", "workerPoolSpecs", 0), {"pythonPackageSpec": package})

    job = canonical(dump_job(planned_job(plan_of(tmp_path, given))))

    assert job["trialJobSpec"]["workerPoolSpecs"][0]["pythonPackageSpec"] == package


@pytest.mark.parametrize("choice", CHOICES)
def test_reading_and_writing_a_spec_loses_nothing(choice: int) -> None:
    given = document(choice)
    given = {name: given[name] for name in ("studySpec", "trialJobSpec")}

    written = {
        "studySpec": dump_study_spec(parse_study_spec(given["studySpec"])),
        "trialJobSpec": dump_trial_job_spec(parse_trial_job_spec(given["trialJobSpec"])),
    }
    assert canonical(written) == canonical(given)


FIELDS = {text_of(path): (choice, path, field) for choice in CHOICES for path, field in leaves(document(choice), JOB)}


# Without a field studySpec, a file is not in gcloud's form.
@pytest.mark.parametrize("name", sorted(FIELDS.keys() - {"studySpec"}))
def test_a_misspelt_field_is_refused_with_its_path_and_the_nearest_name(tmp_path: Path, name: str) -> None:
    choice, path, field = FIELDS[name]
    wrong = field.json_name[:-1] + "x" + field.json_name[-1]

    with pytest.raises(SearchSpaceError) as refusal:
        plan_of(tmp_path, renamed(document(choice), path, wrong))

    message = str(refusal.value)
    assert f"{text_of((*path[:-1], wrong))}: is not a field of the API; did you mean '{field.json_name}'" in message


def wrong_value(field: Any) -> Any:
    """Return a value that is of no type that gcloud takes for the field."""
    message = field.message_type
    if message is not None and not message.GetOptions().map_entry:
        return {"BoolValue": "yes", "Int32Value": "many"}.get(message.name, "soon")
    if field.enum_type is not None:
        return f"{field.enum_type.values[-1].name}X"
    if message is not None:
        return "text"
    return {field.CPPTYPE_STRING: 7, field.CPPTYPE_BOOL: "yes"}.get(field.cpp_type, "many")


@pytest.mark.parametrize("name", FIELDS)
def test_a_value_of_a_wrong_type_is_refused_with_its_path(tmp_path: Path, name: str) -> None:
    choice, path, field = FIELDS[name]

    with pytest.raises(SearchSpaceError) as refusal:
        plan_of(tmp_path, replaced(document(choice), path, wrong_value(field)))

    message = str(refusal.value)
    assert message.startswith(f"{tmp_path / 'search.yaml'}: ")
    assert text_of(path) in message
    assert "\n" not in message
    if field.enum_type is not None:
        assert f"did you mean '{field.enum_type.values[-1].name}'" in message


def test_a_further_field_of_the_job_cannot_be_one_of_another_parameter(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, document(0))
    for name in ("displayName", "display_name", "maxTrialCount", "trial_job_spec", "state"):
        with pytest.raises(DocumentError, match=f"job_fields.{name}.*is set by another parameter"):
            build_job(
                display_name="d",
                study_spec=plan.study_spec,
                trial_job_spec=plan.trial_job_spec,
                app=APP,
                max_trial_count=2,
                parallel_trial_count=1,
                other=json.loads(f'{{"{name}": "x"}}'),
            )
