"""Compiles nightly.yaml: data preparation, tuning and retraining on this data, evaluation of the retrained model.

`hydra-vertex component tune_and_retrain --data Dataset -o tune_and_retrain.yaml` writes the component beforehand.
"""

import json

from kfp import compiler, components, dsl

tune_and_retrain = components.load_component_from_file("tune_and_retrain.yaml")

STUDY = {
    "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}],
    "parameters": [
        {
            "parameterId": "lr",
            "doubleValueSpec": {"minValue": 0.001, "maxValue": 1.0},
            "scaleType": "UNIT_LOG_SCALE",
        },
        {"parameterId": "steps", "integerValueSpec": {"minValue": "10", "maxValue": "200"}},
    ],
}
TRIAL = {
    "workerPoolSpecs": [
        {
            "machineSpec": {"machineType": "n1-standard-4"},
            "replicaCount": "1",
            "containerSpec": {"imageUri": "europe-docker.pkg.dev/PROJECT/REPO/train:1"},
        }
    ]
}


@dsl.component(base_image="python:3.11")
def prepare(rows: int, points: dsl.Output[dsl.Dataset]) -> None:
    """Write points of the line y = 3 x + 1 with noise."""
    import random

    drawn = random.Random(0)  # noqa: S311 - not for cryptography
    with open(points.path, "w") as file:
        for _ in range(rows):
            x = drawn.random()
            file.write(f"{x},{3 * x + 1 + drawn.gauss(0, 0.1)}\n")


@dsl.component(base_image="python:3.11")
def evaluate(model: dsl.Input[dsl.Model], metrics: dsl.Output[dsl.Metrics]) -> float:
    """Return how far the slope of the retrained model is from the true one."""
    import json
    from pathlib import Path

    found = json.loads(Path(model.path, "model.json").read_text())
    metrics.log_metric("slope", found["slope"])
    return abs(found["slope"] - 3)


@dsl.component(base_image="python:3.11")
def release(model: dsl.Input[dsl.Model]) -> str:
    """Stand for what happens with a model that is good enough."""
    return f"released {model.uri}"


@dsl.pipeline(name="nightly")
def nightly(rows: int = 100, trials: int = 4, worst_error: float = 1.0) -> None:
    """Prepare data, tune and retrain on it, evaluate; release a model that is good enough."""
    prepared = prepare(rows=rows)
    tuned = tune_and_retrain(
        data=prepared.outputs["points"],
        data_key="data.path",
        display_name="nightly",
        app_command=json.dumps(["python", "train.py"]),
        study_spec=json.dumps(STUDY),
        trial_job_spec=json.dumps(TRIAL),
        max_trial_count=trials,
        parallel_trial_count=2,
        metric="loss",
    )
    evaluated = evaluate(model=tuned.outputs["model"])
    with dsl.If(evaluated.outputs["Output"] < worst_error):
        release(model=tuned.outputs["model"])


if __name__ == "__main__":
    compiler.Compiler().compile(nightly, "nightly.yaml")
