"""The KFP pipeline: tune, select the best trial, retrain with its config.

KFP reads annotations at run time, so this module does not postpone them.
"""

from typing import Any, NamedTuple

from kfp import dsl

from hydra_vertex.launcher.steps.component import DEFAULT_IMAGE, select_best_component, tune_component
from hydra_vertex.trial.component import retrain_component

from .machine_types import Machine

PIPELINE_NAME = "tune-and-retrain"


class PipelineOutputs(NamedTuple):
    """The outputs of the pipeline, for another pipeline that uses it as a component."""

    model: dsl.Model
    best_config: dsl.Artifact
    best_value: float


def build_pipeline(image: str = DEFAULT_IMAGE, machine: Machine | None = None) -> Any:
    """Build the pipeline with every step in `image`. `machine` is for the retraining; None: the platform chooses."""
    tune, select_best, retrain = tune_component(image), select_best_component(image), retrain_component(image)

    @dsl.pipeline(name=PIPELINE_NAME)  # type: ignore[untyped-decorator] # kfp has no types
    def tune_and_retrain(
        project: str,
        location: str,
        display_name: str,
        app_command: str,
        study_spec: str,
        trial_job_spec: str,
        max_trial_count: int,
        parallel_trial_count: int,
        metric: str,
        max_failed_trial_count: int = 0,
        retrain_overrides: str = "[]",
        labels: str = "{}",
        monitor: str = "[]",
        sweeps: str = "[]",
        aliases: str = "[]",
        job_fields: str = "{}",
        app_environment: str = "{}",
        api_endpoint: str = "",
        existing_job: str = "",
        on_unsuccessful_job: str = "fail",
        metric_threshold: str = "",
        on_missed_threshold: str = "fail",
    ) -> PipelineOutputs:
        """Tune a Hydra app in parallel, select the best trial, retrain with its config.

        Args:
            project: Google Cloud project.
            location: Region of the job.
            display_name: The study's name.
            app_command: The app's command as a JSON array, such as ["python", "train.py", "experiment=docs"].
            study_spec: Search space and objective, a StudySpec as JSON.
            trial_job_spec: Worker pools, scheduling and output folder of a trial, a CustomJobSpec as JSON.
            max_trial_count: Maximum number of trials.
            parallel_trial_count: Maximum number of trials that run at the same time.
            metric: Name of the metric that the app returns.
            max_failed_trial_count: Number of failed trials that ends the study; 0: no limit.
            retrain_overrides: Hydra overrides for the retraining only, a JSON array.
            labels: The job's labels, a JSON object.
            monitor: Lightning metrics that trials report at every validation, a JSON array.
            sweeps: The sweeps of a Hydra search file ("KEY=SWEEP"), which determine the values' types, a JSON array.
            aliases: Parameters that set a key of another name, a JSON array of texts ID=KEY.
            job_fields: Further fields of the job, such as encryptionSpec, a JSON object.
            app_environment: Environment variables of the app in the retraining, a JSON object.
            api_endpoint: URL of the tuning service; empty: the one of Google for the location.
            existing_job: Resource name of a job to continue watching; empty creates a job.
            metric_threshold: The worst value of the metric that is good enough to retrain, as text; empty for none.
            on_missed_threshold: "fail" ends the pipeline when no trial is good enough; "skip-retraining" goes on.
            on_unsuccessful_job: "fail": a job that did not succeed ends the pipeline; "select": it goes on.

        Returns:
            model: The retrained model: what the app wrote to AIP_MODEL_DIR.
            best_config: The best trial's config as a Hydra experiment file.
            best_value: The best trial's objective.
        """
        tuned = tune(
            project=project,
            location=location,
            display_name=display_name,
            app_command=app_command,
            study_spec=study_spec,
            trial_job_spec=trial_job_spec,
            max_trial_count=max_trial_count,
            parallel_trial_count=parallel_trial_count,
            max_failed_trial_count=max_failed_trial_count,
            labels=labels,
            monitor=monitor,
            sweeps=sweeps,
            aliases=aliases,
            job_fields=job_fields,
            api_endpoint=api_endpoint,
            existing_job=existing_job,
            on_unsuccessful_job=on_unsuccessful_job,
        )
        # A user who starts a study expects it to run, so a cached result of an equal study is never used.
        tuned.set_caching_options(enable_caching=False)
        selected = select_best(
            job=tuned.outputs["job"],
            app_command=app_command,
            metric_threshold=metric_threshold,
            on_missed_threshold=on_missed_threshold,
        )
        retrained = retrain(
            app_command=app_command,
            best_config=selected.outputs["best_config"],
            overrides=selected.outputs["overrides"],
            extra_overrides=retrain_overrides,
            metric=metric,
            skip_reason=selected.outputs["skip_reason"],
            app_environment=app_environment,
        )
        if machine is not None:
            machine.apply_to(retrained)
        return PipelineOutputs(
            model=retrained.outputs["model"],
            best_config=selected.outputs["best_config"],
            best_value=selected.outputs["best_value"],
        )

    return tune_and_retrain
