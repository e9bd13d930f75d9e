"""The retraining step as a KFP container component.

The image is known only when a pipeline is compiled, so a function creates the component. KFP evaluates the annotations
at run time, so this module does not import `annotations` from `__future__`.
"""

from typing import Any

from kfp import dsl

DEFAULT_IMAGE = "hydra-vertex:latest"


def retrain_component(image: str = DEFAULT_IMAGE) -> Any:
    """Return the component that runs a Hydra app with given overrides and stores its model."""

    @dsl.container_component  # type: ignore[untyped-decorator] # kfp has no types
    def retrain(
        app_command: str,
        best_config: dsl.Input[dsl.Artifact],
        model: dsl.Output[dsl.Model],
        metrics: dsl.Output[dsl.Metrics],
        metric_value: dsl.OutputPath(float),  # type: ignore[valid-type] # a call, by KFP's own convention
        comparison: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        model_uri: dsl.OutputPath(str),  # type: ignore[valid-type] # likewise
        overrides: str = "",
        extra_overrides: str = "",
        metric: str = "",
        skip_reason: str = "",
        app_environment: str = "",
        retraining: str = "run",
        warm_start_key: str = "",
        best_model: dsl.Input[dsl.Model] = None,
        best_checkpoint: dsl.Input[dsl.Artifact] = None,
        data: dsl.Input[dsl.Artifact] = None,
        data_key: str = "",
        data_form: str = "path",
    ) -> dsl.ContainerSpec:
        """Run a Hydra app with the best config; the content of its AIP_MODEL_DIR is the model artifact.

        Args:
            app_command: The app's command as a JSON array, such as ["python", "train.py", "experiment=docs"].
            best_config: The experiment file from which the overrides were taken; recorded as lineage.
            overrides: Hydra overrides as a JSON array.
            extra_overrides: Further Hydra overrides as a JSON array, placed after the others.
            metric: The name of the metric that the app returns; of several, a JSON array.
            skip_reason: Why nothing is to be retrained; the step then ends at once, with empty outputs.
            app_environment: Environment variables of the app as a JSON object.
            retraining: "run", or "skip": the step then ends at once, and its model is the best trial's.
            warm_start_key: The app's key that gets the path of the best trial's checkpoint; empty starts from scratch.
            best_model: The best trial's model; its metadata has the metric with which the retrained one is compared.
            best_checkpoint: The folder with the best trial's checkpoint.
            data: An artifact for the app, such as a dataset; without it there is none.
            data_key: The app's key that gets the artifact, such as data.path.
            data_form: "path": the key gets the local path in the container; "uri": the artifact's address.

        Returns:
            model: The files that the app wrote to AIP_MODEL_DIR, else those that it wrote to Hydra's output folder.
            metrics: Each metric that the app returned, and its difference from the best trial's.
            metric_value: The metric's value, of the first one if there are several.
            comparison: One sentence that compares the metric with the best trial's; empty when it cannot be compared.
            model_uri: The address of the model; empty when there is no model.
        """
        return dsl.ContainerSpec(
            image=image,
            command=["python", "-m", "hydra_vertex.trial"],
            # Exactly these arguments keep a component usable as a custom training job.
            args=["--executor_input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
        )

    return retrain
