"""A custom job and a tuning job of a Hydra app with Google's SDK alone: only the container has hydra-trial.

    python submit_jobs.py PROJECT LOCATION BUCKET [ENDPOINT]

ENDPOINT is the embedded service (`hydra-vertex serve`); without it the jobs run on Vertex AI.
"""

import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform

IMAGE = "europe-docker.pkg.dev/PROJECT/REPO/train:1"


def pool(*arguments: str) -> dict[str, object]:
    """Return a worker pool that runs the app; `arguments` become its overrides."""
    command = ["hydra-trial", "--metric", "loss", "--", "python", "train.py"]
    return {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "container_spec": {"image_uri": IMAGE, "command": command, "args": list(arguments)},
    }


def main(project: str, location: str, bucket: str, endpoint: str = "") -> None:
    """Run both jobs, one after the other, and print the loss of each trial."""
    here = {"api_endpoint": endpoint, "api_transport": "rest", "credentials": AnonymousCredentials()}
    aiplatform.init(project=project, location=location, staging_bucket=f"gs://{bucket}", **(here if endpoint else {}))
    custom = aiplatform.CustomJob(display_name="line", worker_pool_specs=[pool("--x=1.5", "--layers=2.0")])
    custom.run()
    tuning = aiplatform.HyperparameterTuningJob(
        display_name="line",
        custom_job=aiplatform.CustomJob(display_name="line", worker_pool_specs=[pool()]),
        metric_spec={"loss": "minimize"},
        parameter_spec={
            "x": aiplatform.hyperparameter_tuning.DoubleParameterSpec(min=0, max=4, scale="linear"),
            "layers": aiplatform.hyperparameter_tuning.IntegerParameterSpec(min=1, max=3, scale="linear"),
        },
        max_trial_count=4,
        parallel_trial_count=2,
    )
    tuning.run()
    for trial in tuning.trials:
        print(trial.id, trial.final_measurement.metrics[0].value)


if __name__ == "__main__":
    main(*sys.argv[1:])
