"""What a search file and the options say reaches the job that the pipeline's first step asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.job import HyperparameterTuningJob, dump_job
from hydra_vertex.launcher.preflight.job_builder import app_in, environment_in, value_options_in
from hydra_vertex.launcher.steps.tune_input import requested_job
from hydra_vertex.pipelines.effect import without_effect_here, without_effect_on_vertex
from hydra_vertex.pipelines.plan import TuningPlan, make_plan
from hydra_vertex.pipelines.refusals import require_acceptable
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.service.trials.engines.options import THIS_MACHINE_OPTIONS

APP = ("python", "train.py", "experiment=docs")
STUDY = """
studySpec:
  metrics: {metricId: loss, goal: MINIMIZE}
  parameters:
  - {parameterId: learning_rate, doubleValueSpec: {minValue: 0.001, maxValue: 0.1}}
"""
GCLOUD = (
    STUDY
    + """
displayName: weekly
labels: {team: vision}
maxTrialCount: "6"
parallelTrialCount: 2
maxFailedTrialCount: 1
encryptionSpec: {kmsKeyName: key}
trialJobSpec:
  scheduling: {timeout: 2s, disableRetries: true}
  serviceAccount: a@b
  workerPoolSpecs:
  - machineSpec: {machineType: n1-standard-4}
    containerSpec: {imageUri: i, args: [data=big, +debug=true], env: [{name: A, value: b}, {name: C, value: "$(A)c"}]}
  - machineSpec: {machineType: n1-standard-8}
    replicaCount: 3
    containerSpec: {imageUri: j, args: [data=big, +debug=true]}
"""
)
HYDRA = """
# @package _global_
optimized_metric: loss
hydra: {sweeper: {direction: minimize, params: {lr: 'interval(0, 1)', note: "choice('{{$.x}}', b)"}}}
"""


def plan_of(folder: Path, text: str, **asked: object) -> TuningPlan:
    file = folder / "search.yaml"
    file.write_text(text)
    return make_plan(file, APP, **asked)  # type: ignore[arg-type] # options differ by test


def requested(plan: TuningPlan) -> HyperparameterTuningJob:
    arguments = plan.pipeline_arguments(project="p", location="l")
    return requested_job(ExecutorInput(arguments, {}, {}, Path("output.json")))


def test_every_field_of_gclouds_form_reaches_the_job(tmp_path: Path) -> None:
    job = requested(plan_of(tmp_path, GCLOUD))

    document = dump_job(job)
    assert {name: document[name] for name in ("displayName", "labels", "encryptionSpec")} == {
        "displayName": "weekly",
        "labels": {"team": "vision", "hydra-vertex-file-overrides": "2"},
        "encryptionSpec": {"kmsKeyName": "key"},
    }
    assert (job.max_trial_count, job.parallel_trial_count, job.max_failed_trial_count) == (6, 2, 1)
    spec = job.trial_job_spec
    assert (spec.timeout_s, spec.scheduling, spec.other) == (2, {"disableRetries": True}, {"serviceAccount": "a@b"})
    assert [(pool.machine["machineType"], pool.replica_count) for pool in spec.worker_pools] == [
        ("n1-standard-4", 1),
        ("n1-standard-8", 3),
    ]


def test_a_job_spec_without_worker_pools_keeps_its_other_fields(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDY + "trialJobSpec: {scheduling: {timeout: 2s}}\n")

    assert requested(plan).trial_job_spec.timeout_s == 2


def test_the_containers_arguments_and_environment_are_the_apps(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GCLOUD)

    job = requested(plan)
    assert plan.app == app_in(job) == (*APP, "data=big", "+debug=true")
    assert environment_in(job) == {"A": "b", "C": "bc"}
    assert plan.pipeline_arguments(project="p", location="l")["app_environment"] == '{"A": "b", "C": "bc"}'


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("imageUri: i,", "imageUri: i, command: [python, t.py],", "[0].containerSpec.command is python t.py, and the"),
        ("imageUri: j, args: [data=big, +debug=true]", "imageUri: j", "[1].containerSpec.args differ from those of"),
        ("imageUri: i,", "imageUri: <uri of the image>,", "imageUri has the placeholder <uri of the image>; write"),
        ("weekly", "x{{y", "the display name is 'x{{y'; Kubeflow Pipelines takes {{"),
        ("metricId: loss", "metricId: 'x{{y'", "the metric is 'x{{y'; Kubeflow Pipelines takes {{"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(tmp_path: Path, before: str, after: str, named: str) -> None:
    with pytest.raises(SearchSpaceError) as refusal:
        require_acceptable(plan_of(tmp_path, GCLOUD.replace(before, after)), tmp_path / "search.yaml", here=False)

    assert named in str(refusal.value)


def test_fields_without_effect_on_this_machine_are_named_in_one_line(tmp_path: Path) -> None:
    (sentence,) = without_effect_here(plan_of(tmp_path, GCLOUD), THIS_MACHINE_OPTIONS)

    assert sentence.startswith("encryptionSpec, trialJobSpec.serviceAccount, trialJobSpec.scheduling.disableRetries, ")
    assert "workerPoolSpecs[0].machineSpec" in sentence
    assert "timeout" not in sentence
    assert list(without_effect_here(plan_of(tmp_path, STUDY), THIS_MACHINE_OPTIONS)) == []


def test_fields_that_a_service_sets_are_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDY + "name: x\nstate: 4\nmaxTrialCount: 2\nparallelTrialCount: 1\n")

    assert plan.notices == ("name, state have no effect, because the service sets them in a new job",)


def test_an_alias_is_an_option_of_the_trials_command(tmp_path: Path) -> None:
    job = requested(plan_of(tmp_path, GCLOUD, aliases=("learning_rate=optimizer.lr",)))

    assert value_options_in(job) == ("--alias=learning_rate=optimizer.lr",)


def test_an_alias_of_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchSpaceError, match="no parameter learning_rat; did you mean 'learning_rate'"):
        plan_of(tmp_path, GCLOUD, aliases=("learning_rat=optimizer.lr",))


def test_a_seed_is_a_label_of_the_job_and_named_where_it_has_no_effect(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GCLOUD, seed=7)

    assert requested(plan).labels == {"team": "vision", "hydra-vertex-seed": "7", "hydra-vertex-file-overrides": "2"}
    assert list(without_effect_on_vertex(plan)) == [
        "the seed 7 has no effect on Vertex AI, because its API has no field for one"
    ]


def test_several_objectives_are_sent_to_vertex_ai_with_a_sentence_about_what_is_unknown(tmp_path: Path) -> None:
    several = HYDRA.replace("optimized_metric: loss", "optimized_metric: [loss, size]")
    plan = plan_of(tmp_path, several.replace("direction: minimize", "direction: [minimize, maximize]"))
    (line,) = without_effect_on_vertex(plan)
    assert line.startswith(
        "the study has 2 objectives: Google documents such studies of Vertex AI Vizier, and does not"
    )
    assert requested(plan).study_spec.metric_ids == ("loss", "size")
    assert plan.pipeline_arguments(project="p", location="l")["metric"] == '["loss","size"]'


def test_text_that_kfp_takes_for_a_placeholder_arrives_as_it_is_written(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HYDRA, retrain_overrides=("x='{{$.y}}'",))

    arguments = plan.pipeline_arguments(project="p", location="l")
    assert not any("{{" in str(value) for value in arguments.values())
    (_, note) = requested(plan).study_spec.parameters
    assert "{{$.x}}" in str(note.domain)
    given = ExecutorInput(arguments, {}, {}, Path("output.json"))
    assert given.strings("retrain_overrides") == ("x='{{$.y}}'",)
