"""The launcher's two steps as KFP container components: `tune` and `select_best`.

The image is known only when a pipeline is compiled, so a function makes each component. KFP reads annotations at run
time, so this module does not use `from __future__ import annotations`.
"""

from typing import Any

from kfp import dsl

DEFAULT_IMAGE = "hydra-vertex:latest"

# With exactly these arguments a component can run as a custom training job, and KFP does not reformat numbers.
_ARGS = ["--executor_input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER]


def tune_component(image: str = DEFAULT_IMAGE) -> Any:
    """Return the component that creates a tuning job and watches it until it ends."""

    @dsl.container_component  # type: ignore[untyped-decorator] # kfp has no types
    def tune(
        project: str,
        location: str,
        display_name: str,
        app_command: str,
        study_spec: str,
        trial_job_spec: str,
        max_trial_count: int,
        parallel_trial_count: int,
        job: dsl.Output[dsl.Artifact],
        gcp_resources: dsl.OutputPath(str),  # type: ignore[valid-type] # a call, by KFP's own convention
        max_failed_trial_count: int = 0,
        labels: str = "",
        monitor: str = "[]",
        sweeps: str = "[]",
        aliases: str = "[]",
        job_fields: str = "{}",
        api_endpoint: str = "",
        existing_job: str = "",
        on_unsuccessful_job: str = "fail",
    ) -> dsl.ContainerSpec:
        """Tune a Hydra app: create a HyperparameterTuningJob, watch it, and output the finished job document.

        Args:
            project: Google Cloud project.
            location: Region of the job.
            display_name: The study's name.
            app_command: The app's command as a JSON array, such as ["python", "train.py", "experiment=docs"].
            study_spec: Search space and objective, a StudySpec as JSON.
            trial_job_spec: Worker pools, scheduling and output folder of a trial, a CustomJobSpec as JSON.
            max_trial_count: Maximum number of trials.
            parallel_trial_count: Number of trials that run at the same time.
            max_failed_trial_count: Number of failed trials that ends the study; 0 is no limit.
            labels: The job's labels, a JSON object.
            monitor: Metrics of Lightning that trials report at every validation, a JSON array.
            sweeps: The sweeps of a Hydra search file ("KEY=SWEEP"), which determine the values' types, a JSON array.
            aliases: Parameters that set a key of another name, a JSON array of texts ID=KEY.
            job_fields: Further fields of the job, such as encryptionSpec, a JSON object.
            api_endpoint: The tuning service; empty for Google's service of the location.
            existing_job: Resource name of a job to watch in place of a new one; empty creates a job.
            on_unsuccessful_job: "fail" fails this step when the job did not succeed; "select" goes on with its trials.

        Returns:
            job: The finished HyperparameterTuningJob as JSON.
            gcp_resources: The job's resource, which the Vertex AI console shows as a link.
        """
        command = ["python", "-m", "hydra_vertex.launcher.steps.tune"]
        return dsl.ContainerSpec(image=image, command=command, args=_ARGS)

    return tune


def select_best_component(image: str = DEFAULT_IMAGE) -> Any:
    """Return the component that selects the best trial of a finished job."""

    @dsl.container_component  # type: ignore[untyped-decorator] # kfp has no types
    def select_best(
        job: dsl.Input[dsl.Artifact],
        best_config: dsl.Output[dsl.Artifact],
        report: dsl.Output[dsl.HTML],
        metrics: dsl.Output[dsl.Metrics],
        overrides: dsl.OutputPath(str),  # type: ignore[valid-type] # a call, by KFP's own convention
        reproduce: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        best_trial_id: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        best_value: dsl.OutputPath(float),  # type: ignore[valid-type] # likewise
        skip_reason: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        app_command: str = "",
        metric_threshold: str = "",
        on_missed_threshold: str = "fail",
    ) -> dsl.ContainerSpec:
        """Select the best trial of a tuning job; write its config as a Hydra experiment file, and a report.

        Args:
            job: A finished HyperparameterTuningJob as JSON.
            app_command: The app's command as a JSON array; empty for the command in the job.
            metric_threshold: The worst value of the metric that is good enough, as text; empty for none.
            on_missed_threshold: "fail" fails this step when no trial is good enough; "skip-retraining" goes on without.

        Returns:
            best_config: The experiment file (`# @package _global_`).
            report: The study as one HTML page.
            metrics: The best trial's objective.
            overrides: The best trial's parameters as Hydra overrides, a JSON array.
            reproduce: The command that runs the app with the experiment file in CONFIG_DIR/experiment.
            best_trial_id: The best trial's id.
            best_value: The best trial's objective.
            skip_reason: Why nothing is to be retrained; empty otherwise.
        """
        command = ["python", "-m", "hydra_vertex.launcher.steps.select_best"]
        return dsl.ContainerSpec(image=image, command=command, args=_ARGS)

    return select_best
