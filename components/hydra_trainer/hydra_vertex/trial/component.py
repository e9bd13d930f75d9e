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
        overrides: str = "",
        extra_overrides: str = "",
        metric: str = "",
        skip_reason: str = "",
        app_environment: str = "",
    ) -> dsl.ContainerSpec:
        """Run a Hydra app with the best config; the content of its AIP_MODEL_DIR is the model artifact.

        Args:
            app_command: The app's command as a JSON array, such as ["python", "train.py", "experiment=docs"].
            best_config: The experiment file from which the overrides were taken; recorded as lineage.
            overrides: Hydra overrides as a JSON array.
            extra_overrides: Further Hydra overrides as a JSON array, placed after the others.
            metric: The name of the metric that the app returns.
            skip_reason: Why nothing is to be retrained; the step then ends at once, with empty outputs.
            app_environment: Environment variables of the app as a JSON object.

        Returns:
            model: The files that the app wrote to AIP_MODEL_DIR.
            metrics: The metric that the app returned.
            metric_value: The metric's value.
        """
        return dsl.ContainerSpec(
            image=image,
            command=["python", "-m", "hydra_vertex.trial"],
            # Exactly these arguments keep a component usable as a custom training job.
            args=["--executor_input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
        )

    return retrain
