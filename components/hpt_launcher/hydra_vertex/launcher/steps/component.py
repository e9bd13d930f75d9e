"""The launcher's two steps as KFP container components: `tune` and `select_best`.

The image is known only when a pipeline is compiled, so each component is made by a function. KFP reads annotations at
run time, which is why this module has no postponed ones.
"""

from typing import Any

from kfp import dsl

DEFAULT_IMAGE = "hydra-vertex:latest"

# Exactly these arguments keep a component usable as a custom training job, and spare it KFP's number formats.
_ARGS = ["--executor_input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER]


def tune_component(image: str = DEFAULT_IMAGE) -> Any:
    """The component that creates a tuning job and watches it to its end."""

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
        api_endpoint: str = "",
        existing_job: str = "",
    ) -> dsl.ContainerSpec:
        """Tune a Hydra app: create a HyperparameterTuningJob, watch it, hand on the finished document.

        Args:
            project: Google Cloud project.
            location: Region of the job.
            display_name: The study's name.
            app_command: The app's command as a JSON array, such as ["python", "train.py", "experiment=docs"].
            study_spec: Search space and objective, a StudySpec as JSON.
            trial_job_spec: Worker pools, scheduling and output folder of a trial, a CustomJobSpec as JSON.
            max_trial_count: Trials in all.
            parallel_trial_count: Trials at once.
            max_failed_trial_count: Failed trials that end the study; 0 means that no number does.
            labels: The job's labels, a JSON object.
            monitor: Metrics of Lightning that trials report at every validation, a JSON array.
            api_endpoint: The tuning service; empty is Google's for the location.
            existing_job: Resource name of a job to go on watching; empty creates one.

        Returns:
            job: The finished HyperparameterTuningJob as JSON.
            gcp_resources: The job as a link for the Vertex AI console.
        """
        command = ["python", "-m", "hydra_vertex.launcher.steps.tune"]
        return dsl.ContainerSpec(image=image, command=command, args=_ARGS)

    return tune


def select_best_component(image: str = DEFAULT_IMAGE) -> Any:
    """The component that selects the best trial of a finished job."""

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
        app_command: str = "",
    ) -> dsl.ContainerSpec:
        """Select the best trial of a tuning job; write its config as a Hydra experiment file, and a report.

        Args:
            job: A finished HyperparameterTuningJob as JSON.
            app_command: The app's command as a JSON array; empty takes it from the job.

        Returns:
            best_config: The experiment file (`# @package _global_`).
            report: The study as one HTML page.
            metrics: The best trial's objective.
            overrides: The overrides that the best trial's parameters are, a JSON array.
            reproduce: The command that runs the app with the experiment file found below CONFIG_DIR.
            best_trial_id: The best trial's id.
            best_value: The best trial's objective.
        """
        command = ["python", "-m", "hydra_vertex.launcher.steps.select_best"]
        return dsl.ContainerSpec(image=image, command=command, args=_ARGS)

    return select_best
