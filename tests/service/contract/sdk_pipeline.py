"""Runs a pipeline with `google.cloud.aiplatform` alone: `python sdk_pipeline.py URL PIPELINE`. Prints one JSON line.

It is a program of its own so that any Python can run it which has the SDK, of any version, and nothing of hydra-vertex.
"""

from __future__ import annotations

import json
import os
import sys


def main(url: str, file: str) -> None:
    """Submit the pipeline, wait for its end, and print the version of the SDK and what it reads."""
    os.environ["STORAGE_EMULATOR_HOST"] = url
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    aiplatform.init(
        project="sdk",
        location="us-central1",
        api_endpoint=url,
        api_transport="rest",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # google-auth has no types
    )
    job = aiplatform.PipelineJob(
        display_name="sdk",
        template_path=file,
        pipeline_root="gs://sdk/runs",
        parameter_values={"mode": "", "number": 1},
    )
    job.submit()
    job.wait()
    tasks = {task.task_name: task.state.name for task in job.task_details}
    print(json.dumps({"version": aiplatform.__version__, "state": job.state.name, "tasks": tasks}))


if __name__ == "__main__":
    main(*sys.argv[1:])
