"""Checks with `google.cloud.aiplatform`, the library that most users of Vertex AI use."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator

from .endpoint import LOCATION, TRIAL, Endpoint, python
from .expectation import expect_equal, refused, wait_for
from .gapic import credentials

_one_at_a_time = threading.Lock()


def check_custom_and_tuning_jobs_run_through_the_sdk(endpoint: Endpoint) -> None:
    """`CustomJob.submit`, `HyperparameterTuningJob.run`, `get`, `list` and `delete`."""
    # The library prints its progress to the stdout that is set when it is imported.
    with contextlib.redirect_stdout(io.StringIO()), settings_kept():
        _run(endpoint)


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """Restore the settings of `aiplatform.init` afterwards: they are global, and the process may be the user's own."""
    from google.cloud.aiplatform import initializer

    with _one_at_a_time:
        settings = vars(initializer.global_config)
        before = dict(settings)
        try:
            yield
        finally:
            settings.clear()
            settings.update(before)


def _run(endpoint: Endpoint) -> None:
    from google.api_core import exceptions
    from google.cloud import aiplatform

    aiplatform.init(
        project=endpoint.project,
        location=LOCATION,
        api_endpoint=endpoint.rest,
        api_transport="rest",
        credentials=credentials(endpoint),
        staging_bucket="gs://contract",
    )
    states = aiplatform.gapic.JobState
    pools = [_pool(python(TRIAL))]
    custom = aiplatform.CustomJob(display_name="contract", worker_pool_specs=[_pool(python(""))])
    custom.submit()
    tuning = aiplatform.HyperparameterTuningJob(
        display_name="contract-sdk",
        custom_job=aiplatform.CustomJob(display_name="trial", worker_pool_specs=pools),
        metric_spec={"loss": "minimize"},
        parameter_spec={"x": aiplatform.hyperparameter_tuning.DoubleParameterSpec(min=0.5, max=2.0, scale="log")},
        max_trial_count=2,
        parallel_trial_count=2,
    )
    tuning.run()
    expect_equal(tuning.state, states.JOB_STATE_SUCCEEDED, "the tuning job's state")
    trial = aiplatform.CustomJob.get(tuning.trials[0].custom_job)
    expect_equal(trial.state, states.JOB_STATE_SUCCEEDED, "the state of a trial's custom job")
    listed = aiplatform.HyperparameterTuningJob.list(filter='display_name="contract-sdk"')
    expect_equal(tuning.resource_name in [job.resource_name for job in listed], True, "whether the job is listed")
    wait_for(
        lambda: custom.state if custom.state == states.JOB_STATE_SUCCEEDED else None,
        "the end of the custom job",
        endpoint.timeout_s,
    )
    for job in (custom, tuning):
        job.delete()
    with refused(exceptions.NotFound, "is not found"):
        aiplatform.CustomJob.get(custom.resource_name)


def _pool(command: tuple[str, ...]) -> dict[str, object]:
    return {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "container_spec": {"image_uri": "gcr.io/contract/image", "command": list(command)},
    }
