"""The launcher's two steps as KFP container components: `tune` and `select_best`.

The image is known only when a pipeline is compiled, so a function makes each component. KFP reads annotations at run
time, so this module does not use `from __future__ import annotations`.
"""

from typing import Any

from kfp import dsl

from .pipeline_run import LOCATION, PROJECT

DEFAULT_IMAGE = "hydra-vertex:latest"

# With exactly these arguments a component can run as a custom training job, and KFP does not reformat numbers.
_ARGS = ["--executor_input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER]


def tune_component(image: str = DEFAULT_IMAGE) -> Any:
    """Return the component that creates a tuning job and watches it until it ends."""

    @dsl.container_component  # type: ignore[untyped-decorator] # kfp has no types
    def tune(
        display_name: str,
        app_command: str,
        study_spec: str,
        trial_job_spec: str,
        max_trial_count: int,
        parallel_trial_count: int,
        job: dsl.Output[dsl.Artifact],
        gcp_resources: dsl.OutputPath(str),  # type: ignore[valid-type] # a call, by KFP's own convention
        confirmation: dsl.Output[dsl.Artifact],
        project: str = PROJECT,
        location: str = LOCATION,
        pipeline_run: str = dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        max_failed_trial_count: int = 0,
        labels: str = "",
        monitor: str = "[]",
        sweeps: str = "[]",
        aliases: str = "[]",
        job_fields: str = "{}",
        study_root: str = "",
        api_endpoint: str = "",
        existing_job: str = "",
        on_unsuccessful_job: str = "fail",
        attach: str = "",
        on_stop: str = "cancel",
        max_cost: str = "",
        max_worker_hours: str = "",
        hourly_prices: str = "",
        capacity_ladder: str = "",
        confirm: str = "",
        prefer: str = "",
        data: dsl.Input[dsl.Artifact] = None,
        data_key: str = "",
        data_form: str = "path",
        engine: str = "",
    ) -> dsl.ContainerSpec:
        """Tune a Hydra app: create a HyperparameterTuningJob, watch it, and output the finished job document.

        Args:
            project: Google Cloud project; default: that of the pipeline, on Vertex Pipelines only.
            location: Region of the job; default: likewise.
            pipeline_run: The run of the pipeline, so that a cached result of another run is not used.
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
            study_root: Folder in a bucket, in which the run makes one for its trials if trial_job_spec names none.
            api_endpoint: The tuning service; empty for Google's service of the location.
            existing_job: A job to watch in place of a new one: its resource name or gcp_resources; empty creates a job.
            on_unsuccessful_job: "fail" fails this step when the job did not succeed; "select" goes on with its trials.
            attach: "attach" watches a job in progress with the same study key; "reuse" takes a succeeded one too.
            on_stop: "cancel" cancels the job when this step is stopped; "detach" leaves it running.
            max_cost: The cost that ends the study, as text; its best trial so far is kept. Empty: no limit.
            max_worker_hours: The worker-hours that end the study, as text, likewise. Empty: no limit.
            hourly_prices: The prices of a worker for one hour, a JSON object; empty for none.
            capacity_ladder: Strategies and locations that are tried one after another, a JSON array; empty for none.
            confirm: Which configurations are repeated with which seeds, a JSON object; empty for none.
            prefer: Of several objectives, the one whose best trial is selected; empty: the closest to all of them.
            data: An artifact for every trial, such as a dataset; without it there is none.
            data_key: The app's key that gets the artifact, such as data.path.
            data_form: "path": the key gets the local path in the container; "uri": the artifact's address.
            engine: In place of a service: kubernetes, or a JSON object with name, settings and folder; empty for none.

        Returns:
            job: The finished HyperparameterTuningJob as JSON.
            gcp_resources: The job's resource, which the Vertex AI console shows as a link.
            confirmation: The finished job of the repeats as JSON; an empty file without repeats.
        """
        command = ["python", "-m", "hydra_vertex.launcher.steps.tune"]
        return dsl.ContainerSpec(image=image, command=command, args=_ARGS)

    return tune


def select_best_component(image: str = DEFAULT_IMAGE) -> Any:
    """Return the component that selects the best trial of a finished job."""

    @dsl.container_component  # type: ignore[untyped-decorator] # kfp has no types
    def select_best(
        best_config: dsl.Output[dsl.Artifact],
        report: dsl.Output[dsl.HTML],
        metrics: dsl.Output[dsl.Metrics],
        overrides: dsl.OutputPath(str),  # type: ignore[valid-type] # a call, by KFP's own convention
        reproduce: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        best_trial_id: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        best_value: dsl.OutputPath(float),  # type: ignore[valid-type] # likewise
        skip_reason: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        best_model: dsl.Output[dsl.Model],
        best_checkpoint: dsl.Output[dsl.Artifact],
        pareto: dsl.Output[dsl.Artifact],
        summary: dsl.Output[dsl.Markdown],
        app_command: str = "",
        metric_threshold: str = "",
        on_missed_threshold: str = "fail",
        job: dsl.Input[dsl.Artifact] = None,
        gcp_resources: str = "",
        retraining: str = "run",
        warm_start_key: str = "",
        log_experiment: str = "",
        hourly_prices: str = "",
        api_endpoint: str = "",
        confirmation: dsl.Input[dsl.Artifact] = None,
        prefer: str = "",
    ) -> dsl.ContainerSpec:
        """Select the best trial of a tuning job; write its config as a Hydra experiment file, and a report.

        Args:
            job: A finished HyperparameterTuningJob as JSON; gcp_resources names one instead.
            app_command: The app's command as a JSON array; empty for the command in the job.
            metric_threshold: The worst value of the metric that is good enough, as text; empty for none.
            on_missed_threshold: "fail" fails this step when no trial is good enough; "skip-retraining" goes on without.
            gcp_resources: In place of job: the output of HyperparameterTuningJobRunOp, or the resource name of a job.
            retraining: "run", or "skip" when the best trial's model is the result.
            warm_start_key: The app's key for a checkpoint; not empty fails this step when the trial has none.
            log_experiment: Name of the Vertex Experiment that gets the trials as runs; empty for none.
            hourly_prices: The prices of a worker for one hour, a JSON object; empty for none.
            api_endpoint: The tuning service; empty for Google's service of the job's location.
            confirmation: The job that has repeated the best configurations; without it or empty, none has.
            prefer: Of several objectives, the one whose best trial is selected; empty: as the job says, else the rule.

        Returns:
            best_config: The experiment file (`# @package _global_`).
            report: The study as one HTML page.
            metrics: The best trial's objectives, the worker-hours and, with prices, the cost; the interval of repeats.
            overrides: The best trial's parameters as Hydra overrides, a JSON array.
            reproduce: The command that runs the app with the experiment file in CONFIG_DIR/experiment.
            best_trial_id: The best trial's id.
            best_value: The best trial's objective, the first one of several.
            skip_reason: Why nothing is to be retrained; empty otherwise.
            best_model: The best trial's model, where the trial wrote it.
            best_checkpoint: The folder with the best trial's newest checkpoint.
            pareto: With several objectives, a folder with the experiment file of each trial of the Pareto set.
            summary: The best trial, its parameters and the ten best trials as Markdown, for the page of the run.
        """
        command = ["python", "-m", "hydra_vertex.launcher.steps.select_best"]
        return dsl.ContainerSpec(image=image, command=command, args=_ARGS)

    return select_best
