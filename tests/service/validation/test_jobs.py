"""Jobs that are refused before anything runs, and the field that the message names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hydra_vertex.job import parse_job
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.validation.jobs import validate
from service.harness import Document, job_document

Change = Callable[[Document], object]


def changed(path: str, value: object) -> Change:
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]

    def change(document: Document) -> None:
        target = document
        for part in parents:
            target = target[part]
        target[last] = value

    return change


def parameter(**fields: object) -> Change:
    return changed("studySpec.parameters", [{"parameterId": "p", **fields}])


def with_server(document: Document) -> None:
    """Add a pool whose program is the ENTRYPOINT of its image."""
    pool = {"machineSpec": {"machineType": "n1-standard-4"}, "containerSpec": {"imageUri": "reduction-server"}}
    document["trialJobSpec"]["workerPoolSpecs"].append(pool)


def twice(path: str) -> Change:
    def change(document: Document) -> None:
        for part in path.split("."):
            document = document[part]
        document *= 2  # type: ignore[assignment]  # a JSON array, by its path

    return change


POOL = "trialJobSpec.workerPoolSpecs.0"
CONTAINER = f"{POOL}.containerSpec"
DOUBLE = {"minValue": 1.0, "maxValue": 2.0}
CONDITION = "studySpec.parameters[0].conditionalParameterSpecs[0]"


def variable(name: str, value: str) -> Document:
    return {"name": name, "value": value}


def below(parent: str, values: list[object], name: str = "q", **changes: float) -> Document:
    """A double that depends on a parent's values."""
    child = {"parameterId": name, "doubleValueSpec": DOUBLE | changes}
    return {f"parent{parent}Values": {"values": values}, "parameterSpec": child}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("displayName", ""), "displayName: expected 1 to 128"),
        (changed("displayName", "x" * 129), "displayName: expected 1 to 128"),
        (changed("maxTrialCount", 0), "maxTrialCount: expected 1 or more, got 0"),
        (changed("parallelTrialCount", 0), "parallelTrialCount: expected 1 or more, got 0"),
        (changed("parallelTrialCount", 5), "parallelTrialCount: 5 is more than maxTrialCount 4"),
        (changed("maxFailedTrialCount", -1), "maxFailedTrialCount: expected 0 or more, got -1"),
        (changed("maxTrailCount", 3), "maxTrailCount: is not a field of the API"),
        (changed("studySpec.algoritm", "x"), "studySpec.algoritm: is not a field of the API"),
        (changed("studySpec.algorithm", 1), "studySpec.algorithm: ALGORITHM_RESERVED_1 is not an algorithm"),
        (changed("studySpec.metrics", []), "studySpec.metrics: a study needs at least one metric"),
        (changed("studySpec.metrics.0.metricId", ""), "studySpec.metrics[0].metricId: is empty"),
        (changed("studySpec.parameters", []), "studySpec.parameters: a study needs at least one parameter"),
        (twice("studySpec.parameters"), "studySpec.parameters: parameterId 'x' is given more than once"),
        (changed("studySpec.parameters.0.parameterId", ""), "studySpec.parameters[0].parameterId: is empty"),
        (
            parameter(doubleValueSpec={"minValue": 2.0, "maxValue": 1.0}),
            "studySpec.parameters[0].doubleValueSpec: minValue 2.0 is more than maxValue 1.0",
        ),
        (
            parameter(integerValueSpec={"minValue": "2", "maxValue": "1"}),
            "studySpec.parameters[0].integerValueSpec: minValue 2 is more than maxValue 1",
        ),
        (
            parameter(doubleValueSpec={"minValue": 0.0, "maxValue": 1.0}, scaleType="UNIT_LOG_SCALE"),
            "studySpec.parameters[0].doubleValueSpec.minValue: UNIT_LOG_SCALE needs values above 0, got 0.0",
        ),
        (
            parameter(integerValueSpec={"minValue": -1, "maxValue": 1}, scaleType="UNIT_REVERSE_LOG_SCALE"),
            "studySpec.parameters[0].integerValueSpec.minValue: UNIT_REVERSE_LOG_SCALE needs values above 0, got -1",
        ),
        (
            parameter(discreteValueSpec={"values": [0.0, 1.0]}, scaleType="UNIT_LOG_SCALE"),
            "studySpec.parameters[0].discreteValueSpec.values[0]: UNIT_LOG_SCALE needs values above 0, got 0.0",
        ),
        (
            parameter(categoricalValueSpec={"values": ["a"]}, scaleType="UNIT_LINEAR_SCALE"),
            "studySpec.parameters[0].scaleType: a categorical parameter has no scale",
        ),
        (
            parameter(categoricalValueSpec={"values": []}),
            "studySpec.parameters[0].categoricalValueSpec.values: expected at least one value",
        ),
        (
            parameter(categoricalValueSpec={"values": ["a", "a"]}),
            "studySpec.parameters[0].categoricalValueSpec.values: 'a' is given more than once",
        ),
        (
            parameter(discreteValueSpec={"values": [2.0, 1.0]}),
            "studySpec.parameters[0].discreteValueSpec.values: expected ascending order, got 2.0 before 1.0",
        ),
        (
            parameter(discreteValueSpec={"values": [1.0, 1.0]}),
            "studySpec.parameters[0].discreteValueSpec.values: 1.0 is given more than once",
        ),
        (
            parameter(discreteValueSpec={"values": []}),
            "studySpec.parameters[0].discreteValueSpec.values: expected at least one value",
        ),
        (
            changed("studySpec.parameters.0.parameterId", "a b"),
            "studySpec.parameters[0].parameterId: 'a b' contains white",
        ),
        (
            parameter(doubleValueSpec=DOUBLE | {"defaultValue": 3.0}),
            "studySpec.parameters[0].doubleValueSpec.defaultValue: 3.0 is not one of its values",
        ),
        (
            parameter(integerValueSpec={"minValue": "1", "maxValue": "2", "defaultValue": "0"}),
            "studySpec.parameters[0].integerValueSpec.defaultValue: 0 is not one of its values",
        ),
        (
            parameter(categoricalValueSpec={"values": ["a"], "defaultValue": "b"}),
            "studySpec.parameters[0].categoricalValueSpec.defaultValue: 'b' is not one of its values",
        ),
        (
            parameter(discreteValueSpec={"values": [1.0, 1.0 + 1e-12]}),
            "studySpec.parameters[0].discreteValueSpec.values: expected values 1e-10 apart or more",
        ),
        (
            parameter(discreteValueSpec={"values": list(range(1001))}),
            "studySpec.parameters[0].discreteValueSpec.values: expected 1000 at most, got 1001",
        ),
        (
            parameter(doubleValueSpec={"minValue": -1e308, "maxValue": 1e308}),
            "studySpec.parameters[0].doubleValueSpec: from minValue -1e+308 to maxValue 1e+308 is more than",
        ),
        (
            changed("studySpec.parameters.0.parameterId", "x\0"),
            "studySpec.parameters[0].parameterId: a command line cannot contain a NUL character, got 'x\\x00'",
        ),
        (
            parameter(categoricalValueSpec={"values": ["a", "b\0"]}),
            "studySpec.parameters[0].categoricalValueSpec.values: a command line cannot contain a NUL character",
        ),
        (
            parameter(categoricalValueSpec={"values": ["a"]}, conditionalParameterSpecs=[below("Categorical", ["b"])]),
            f"{CONDITION}.parentCategoricalValues.values: 'b' is not a value of 'p', on which 'q' depends",
        ),
        (
            parameter(discreteValueSpec={"values": [1.0]}, conditionalParameterSpecs=[below("Discrete", [1.5])]),
            f"{CONDITION}.parentDiscreteValues.values: 1.5 is not a value of 'p'",
        ),
        (
            parameter(
                integerValueSpec={"minValue": "1", "maxValue": "2"}, conditionalParameterSpecs=[below("Int", ["3"])]
            ),
            f"{CONDITION}.parentIntValues.values: 3.0 is not a value of 'p'",
        ),
        (
            parameter(categoricalValueSpec={"values": ["a"]}, conditionalParameterSpecs=[below("Int", ["1"])]),
            f"{CONDITION}.parentCategoricalValues.values: 1.0 is not a value of 'p'",
        ),
        (
            parameter(categoricalValueSpec={"values": ["a"]}, conditionalParameterSpecs=[below("Categorical", [])]),
            f"{CONDITION}.parentCategoricalValues.values: expected at least one value",
        ),
        (
            parameter(doubleValueSpec=DOUBLE, conditionalParameterSpecs=[below("Discrete", [1.0])]),
            f"{CONDITION}: 'p' is a double, and parameters cannot depend on a double",
        ),
        (
            parameter(
                categoricalValueSpec={"values": ["a"]}, conditionalParameterSpecs=[below("Categorical", ["a"], "p")]
            ),
            "studySpec.parameters: parameterId 'p' is given more than once",
        ),
        (
            parameter(
                categoricalValueSpec={"values": ["a", "b"]},
                conditionalParameterSpecs=[below("Categorical", ["a", "b"]), below("Categorical", ["b"])],
            ),
            "studySpec.parameters: parameterId 'q' is given more than once",
        ),
        (
            parameter(
                categoricalValueSpec={"values": ["a"]},
                conditionalParameterSpecs=[below("Categorical", ["a"], minValue=3.0)],
            ),
            f"{CONDITION}.parameterSpec.doubleValueSpec: minValue 3.0 is more than maxValue 2.0",
        ),
        (changed("studySpec.algorithm", "GRID_SEARCH"), "studySpec.parameters[0].doubleValueSpec: GRID_SEARCH needs"),
        (changed("trialJobSpec.workerPoolSpecs", []), "trialJobSpec.workerPoolSpecs: expected a worker pool"),
        (changed("trialJobSpec.scheduling", {"timeout": "0s"}), "trialJobSpec.scheduling.timeout: expected more"),
        (changed(f"{POOL}.containerSpec", None), "trialJobSpec.workerPoolSpecs[0].containerSpec.imageUri: is empty"),
        (
            changed(f"{POOL}.containerSpec.command", []),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.command: is empty",
        ),
        (
            changed(f"{POOL}.containerSpec.args", ["\0"]),
            "trialJobSpec.workerPoolSpecs[0].containerSpec: a command cannot contain a NUL",
        ),
        (
            changed(f"{POOL}.containerSpec.env", [{"name": "A=B", "value": ""}]),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.env: 'A=B' cannot be the name",
        ),
        (
            changed(f"{POOL}.containerSpec.env", [{"name": "A", "value": "\0"}]),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.env: A has a NUL character in its value",
        ),
        (
            changed(f"{POOL}.containerSpec.env", [{"name": f"V{i}", "value": ""} for i in range(101)]),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.env: expected 100 variables at most, got 101",
        ),
    ],
)
def test_a_job_that_the_api_refuses_is_an_invalid_argument(tmp_path: Path, change: Change, message: str) -> None:
    refusal = refusal_of(tmp_path, change)
    assert refusal.status is Status.INVALID_ARGUMENT
    assert str(refusal).startswith(message)


STOPPING = "studySpec.studyStoppingConfig"
CONVEX = "studySpec.convexAutomatedStoppingSpec"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            changed("studySpec.medianAutomatedStoppingSpec", {"useSteps": True}),
            "studySpec.medianAutomatedStoppingSpec.useSteps: is not a field of the API",
        ),
        (changed(CONVEX, {"maxStepCount": -1}), f"{CONVEX}.maxStepCount: expected 0 or more, got -1"),
        (changed(CONVEX, {"maxStepCount": 5, "minStepCount": 6}), f"{CONVEX}.minStepCount: 6 is more than maxStepCou"),
        (
            changed(CONVEX, {"learningRateParameterName": "lr"}),
            f"{CONVEX}.learningRateParameterName: 'lr' is not a numeric parameter of the study (those are: x)",
        ),
        (changed(STOPPING, {"maxTrials": 3}), f"{STOPPING}.maxTrials: is not a field of the API"),
        (changed(STOPPING, {"minNumTrials": -1}), f"{STOPPING}.minNumTrials: expected 0 or more, got -1"),
        (changed(STOPPING, {"maxNumTrials": 0}), f"{STOPPING}.maxNumTrials: expected 1 or more, got 0"),
        (
            changed(STOPPING, {"maxNumTrialsNoProgress": 0}),
            f"{STOPPING}.maxNumTrialsNoProgress: expected 1 or more, got 0",
        ),
        (
            changed(STOPPING, {"maxDurationNoProgress": "0s"}),
            f"{STOPPING}.maxDurationNoProgress: expected more than 0s, got 0s",
        ),
        (
            changed(STOPPING, {"maximumRuntimeConstraint": {"maxDuration": "-1s"}}),
            f"{STOPPING}.maximumRuntimeConstraint.maxDuration: expected 0s or more, got -1s",
        ),
        (
            changed(STOPPING, {"minimumRuntimeConstraint": {"maxDuration": "1s", "hours": 1}}),
            f"{STOPPING}.minimumRuntimeConstraint.hours: is not a field of the API",
        ),
    ],
)
def test_a_stopping_rule_that_the_api_refuses_is_an_invalid_argument(
    tmp_path: Path, change: Change, message: str
) -> None:
    refusal = refusal_of(tmp_path, change)
    assert refusal.status is Status.INVALID_ARGUMENT
    assert str(refusal).startswith(message)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (changed(f"{POOL}.pythonPackageSpec", {}), "trialJobSpec.workerPoolSpecs[0].pythonPackageSpec"),
        (with_server, "trialJobSpec.workerPoolSpecs[1].containerSpec.command"),
        (changed("studySpec.convexStopConfig", {}), "studySpec.convexStopConfig"),
        (
            changed("studySpec.parameters", [{"parameterId": f"p{n}", "doubleValueSpec": DOUBLE} for n in range(1001)]),
            "studySpec.parameters",
        ),
        (parameter(categoricalValueSpec={"values": [str(n) for n in range(10_001)]}), "studySpec.parameters"),
        (
            parameter(categoricalValueSpec={"values": ["a" * 70_000]}),
            "studySpec.parameters[0].categoricalValueSpec.values",
        ),
        (changed(f"{CONTAINER}.args", ["a" * (128 << 10)]), "trialJobSpec.workerPoolSpecs[0].containerSpec"),
        (
            changed(f"{CONTAINER}.env", [variable("A", "ä" * 70_000)]),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.env",
        ),
        (
            changed(f"{CONTAINER}.env", [variable(f"A{n}", f"$(A{n - 1})$(A{n - 1})x") for n in range(100)]),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.env",
        ),
        (
            changed(f"{CONTAINER}.env", [variable("A", "$(AIP_MODEL_DIR)" * 40)]),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.env",
        ),
        (
            changed(
                f"{CONTAINER}.env", [variable("A", "a" * 1000), *(variable(f"B{n}", "$(A)" * 100) for n in range(99))]
            ),
            "trialJobSpec.workerPoolSpecs[0].containerSpec.env",
        ),
        (
            parameter(
                categoricalValueSpec={"values": ["a"]},
                conditionalParameterSpecs=[below("Categorical", ["a"] * 1000, f"q{n}") for n in range(11)],
            ),
            "studySpec.parameters",
        ),
        (
            parameter(
                categoricalValueSpec={"values": ["a", "b"]},
                conditionalParameterSpecs=[below("Categorical", ["a"]), below("Categorical", ["b"])],
            ),
            "studySpec.parameters[0].conditionalParameterSpecs[1].parameterSpec.parameterId",
        ),
        (changed(CONVEX, {"updateAllStoppedTrials": True}), f"{CONVEX}.updateAllStoppedTrials"),
    ],
)
def test_a_job_that_only_vertex_ai_supports_is_unimplemented(tmp_path: Path, change: Change, field: str) -> None:
    refusal = refusal_of(tmp_path, change)
    assert refusal.status is Status.UNIMPLEMENTED
    assert str(refusal).startswith(f"{field}: ")


def test_fields_that_concern_only_machines_are_accepted(tmp_path: Path) -> None:
    document = job_document(tmp_path / "app", "report")
    document["trialJobSpec"] |= {"serviceAccount": "a@b", "enableWebAccess": True, "scheduling": {"strategy": "SPOT"}}
    document["trialJobSpec"]["workerPoolSpecs"][0] |= {"machineSpec": {"machineType": "g2-standard-8"}, "diskSpec": {}}
    document["studySpec"]["observationNoise"] = "HIGH"
    job = parse_job(document)
    validate(job)

    assert job.trial_job_spec.worker_pools[0].machine == {"machineType": "g2-standard-8"}


def test_a_space_with_nested_conditions_and_defaults_is_accepted(tmp_path: Path) -> None:
    document = job_document(tmp_path / "app", "report")
    inner = below("Discrete", [2.0], "r", defaultValue=1.5)
    middle = below("Categorical", ["a"]) | {
        "parameterSpec": {
            "parameterId": "q",
            "discreteValueSpec": {"values": [1.0, 2.0], "defaultValue": 2.0},
            "conditionalParameterSpecs": [inner],
        }
    }
    parameter(categoricalValueSpec={"values": ["a", "b"], "defaultValue": "b"}, conditionalParameterSpecs=[middle])(
        document
    )
    job = parse_job(document)
    validate(job)

    (nested,) = [child.spec for spec in job.study_spec.parameters for child in spec.children]
    assert [child.spec.id for child in nested.children] == ["r"]


def refusal_of(tmp_path: Path, change: Change) -> Refusal:
    document = job_document(tmp_path / "app", "report", trials=4)
    validate(parse_job(document))
    change(document)
    with pytest.raises(Refusal) as caught:
        validate(parse_job(document))
    return caught.value
