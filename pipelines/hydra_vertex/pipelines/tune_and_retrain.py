"""The KFP pipeline: tune, select the best trial, retrain with its config.

KFP reads annotations at run time, so this module does not postpone them.
"""

from typing import Any, NamedTuple

from kfp import dsl

from hydra_vertex.launcher.steps.component import DEFAULT_IMAGE, select_best_component, tune_component
from hydra_vertex.launcher.steps.pipeline_run import LOCATION, PROJECT
from hydra_vertex.trial.component import retrain_component

from .cluster import ClusterSettings
from .data_input import DataInput
from .machine_types import Machine
from .registration import Serving, add_registration
from .retraining import RetrainJob, as_custom_job
from .step_resources import SELECT_BEST, TUNE, TUNE_ONCE

PIPELINE_NAME = "tune-and-retrain"


class PipelineOutputs(NamedTuple):
    """The outputs of the pipeline, for another pipeline that uses it as a component."""

    model: dsl.Model
    best_config: dsl.Artifact
    best_value: float


def build_pipeline(
    image: str = DEFAULT_IMAGE,
    machine: Machine | None = None,
    retrain_job: RetrainJob | None = None,
    serving: Serving | None = None,
    data: str = "",
    cluster: ClusterSettings | None = None,
) -> Any:
    """Build the pipeline with every step in `image`. `machine` is for the retraining; None: the platform chooses.

    `retrain_job` makes the retraining a CustomJob, and is used in place of `machine`; None: a task of the pipeline.
    With `serving`, the model is registered; such a pipeline runs on Vertex AI only. `data` is the type of an artifact
    that the pipeline gets, such as Dataset, and gives to every trial and to the retraining; empty for none.
    `cluster` is for Kubeflow Pipelines without Vertex AI.
    """
    inputs = DataInput(data)
    tune, select_best, retrain = tune_component(image), select_best_component(image), retrain_component(image)
    if retrain_job is not None:
        retrain = as_custom_job(retrain, retrain_job)

    def tune_and_retrain(
        display_name: str,
        app_command: str,
        study_spec: str,
        trial_job_spec: str,
        max_trial_count: int,
        parallel_trial_count: int,
        metric: str,
        project: str = PROJECT,
        location: str = LOCATION,
        max_failed_trial_count: int = 0,
        retrain_overrides: str = "[]",
        labels: str = "{}",
        monitor: str = "[]",
        sweeps: str = "[]",
        aliases: str = "[]",
        job_fields: str = "{}",
        app_environment: str = "{}",
        study_root: str = "",
        api_endpoint: str = "",
        existing_job: str = "",
        on_unsuccessful_job: str = "fail",
        metric_threshold: str = "",
        on_missed_threshold: str = "fail",
        retraining: str = "run",
        warm_start_key: str = "",
        log_experiment: str = "",
        attach: str = "",
        on_stop: str = "cancel",
        max_cost: str = "",
        max_worker_hours: str = "",
        hourly_prices: str = "",
        capacity_ladder: str = "",
        confirm: str = "",
        prefer: str = "",
        engine: str = cluster.engine if cluster else "",
    ) -> PipelineOutputs:
        """Tune a Hydra app in parallel, select the best trial, retrain with its config.

        Args:
            project: Google Cloud project; default: that of the pipeline, on Vertex Pipelines only.
            location: Region of the job; default: likewise.
            display_name: The study's name.
            app_command: The app's command as a JSON array, such as ["python", "train.py", "experiment=docs"].
            study_spec: Search space and objective, a StudySpec as JSON.
            trial_job_spec: Worker pools, scheduling and output folder of a trial, a CustomJobSpec as JSON.
            max_trial_count: Maximum number of trials.
            parallel_trial_count: Maximum number of trials that run at the same time.
            metric: Name of the metric that the app returns; of several, a JSON array.
            max_failed_trial_count: Number of failed trials that ends the study; 0: no limit.
            retrain_overrides: Hydra overrides for the retraining only, a JSON array.
            labels: The job's labels, a JSON object.
            monitor: Lightning metrics that trials report at every validation, a JSON array.
            sweeps: The sweeps of a Hydra search file ("KEY=SWEEP"), which determine the values' types, a JSON array.
            aliases: Parameters that set a key of another name, a JSON array of texts ID=KEY.
            job_fields: Further fields of the job, such as encryptionSpec, a JSON object.
            app_environment: Environment variables of the app in the retraining, a JSON object.
            study_root: Folder in a bucket, in which each run makes a folder for the output of its trials.
            api_endpoint: URL of the tuning service; empty: the one of Google for the location.
            existing_job: Resource name of a job to continue watching; empty creates a job.
            attach: "attach" watches a job in progress with the same study key; "reuse" takes a succeeded one too.
            on_stop: "cancel" cancels the job when the pipeline is cancelled; "detach" leaves it running.
            metric_threshold: The worst value of the metric that is good enough to retrain, as text; empty for none.
            on_missed_threshold: "fail" ends the pipeline when no trial is good enough; "skip-retraining" goes on.
            max_cost: The cost that ends the study, as text; its best trial so far is kept. Empty: no limit.
            max_worker_hours: The worker-hours that end the study, as text, likewise. Empty: no limit.
            hourly_prices: The prices of a worker for one hour, a JSON object; empty for none.
            capacity_ladder: Strategies and locations that are tried one after another, a JSON array; empty for none.
            confirm: Which configurations are repeated with which seeds, a JSON object; empty for none.
            prefer: Of several objectives, the one whose best trial is selected; empty: the closest to all of them.
            engine: What the step tune uses in place of a service: kubernetes, or a JSON object; empty for none.
            on_unsuccessful_job: "fail": a job that did not succeed ends the pipeline; "select": it goes on.
            retraining: "run", or "skip": the model is then that of the best trial.
            warm_start_key: The app's key that gets the best trial's checkpoint in the retraining; empty for none.
            log_experiment: Name of the Vertex Experiment that gets the trials as runs; empty for none.

        Returns:
            model: The retrained model: what the app wrote to AIP_MODEL_DIR. Without a retraining, the best trial's.
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
            study_root=study_root,
            api_endpoint=api_endpoint,
            existing_job=existing_job,
            on_unsuccessful_job=on_unsuccessful_job,
            attach=attach,
            on_stop=on_stop,
            max_cost=max_cost,
            max_worker_hours=max_worker_hours,
            hourly_prices=hourly_prices,
            capacity_ladder=capacity_ladder,
            confirm=confirm,
            prefer=prefer,
            engine=engine,
            **inputs.arguments,
        )
        # A user who starts a study expects it to run, so a cached result of an equal study is never used.
        tuned.set_caching_options(enable_caching=False)
        (TUNE if cluster is None or cluster.keeps_study else TUNE_ONCE).apply_to(tuned)
        if cluster is not None:
            cluster.apply_to_study_step(tuned)
        selected = select_best(
            job=tuned.outputs["job"],
            confirmation=tuned.outputs["confirmation"],
            # The command in the job has the override of the data.
            app_command="" if inputs.is_given else app_command,
            metric_threshold=metric_threshold,
            on_missed_threshold=on_missed_threshold,
            retraining=retraining,
            warm_start_key=warm_start_key,
            log_experiment=log_experiment,
            hourly_prices=hourly_prices,
            api_endpoint=api_endpoint,
            prefer=prefer,
        )
        SELECT_BEST.apply_to(selected)
        if cluster is not None:
            cluster.apply_to_study_step(selected)
        # A CustomJob has a project and a location of its own, which are those of the tuning job.
        place = {} if retrain_job is None else {"project": project, "location": location}
        retrained = retrain(
            **place,
            app_command=app_command,
            best_config=selected.outputs["best_config"],
            overrides=selected.outputs["overrides"],
            extra_overrides=retrain_overrides,
            metric=metric,
            skip_reason=selected.outputs["skip_reason"],
            app_environment=app_environment,
            retraining=retraining,
            warm_start_key=warm_start_key,
            best_model=selected.outputs["best_model"],
            best_checkpoint=selected.outputs["best_checkpoint"],
            **inputs.arguments,
        )
        if machine is not None and retrain_job is None:
            machine.apply_to(retrained)
        if cluster is not None:
            cluster.apply_to_retraining(retrained, machine)
        if serving is not None:
            add_registration(retrained, serving, project=project, location=location, display_name=display_name)
        return PipelineOutputs(
            model=retrained.outputs["model"],
            best_config=selected.outputs["best_config"],
            best_value=selected.outputs["best_value"],
        )

    return inputs.pipeline(PIPELINE_NAME, tune_and_retrain)
