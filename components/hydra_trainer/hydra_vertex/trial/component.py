"""The retraining step as a KFP container component.

The image is known only when a pipeline is compiled, so the component is made by a function. KFP reads annotations at
run time, which is why this module has no postponed ones.
"""

from typing import Any

from kfp import dsl

DEFAULT_IMAGE = "hydra-vertex:latest"


def retrain_component(image: str = DEFAULT_IMAGE) -> Any:
    """The component that runs a Hydra app with given overrides and keeps its model."""

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
    ) -> dsl.ContainerSpec:
        """Run a Hydra app with the best config; its AIP_MODEL_DIR is the model artifact.

        Args:
            app_command: The app's command as a JSON array, such as ["python", "train.py", "experiment=docs"].
            best_config: The experiment file that the overrides come from, for the lineage.
            overrides: Hydra overrides, a JSON array.
            extra_overrides: Hydra overrides that come after them, a JSON array.
            metric: Name of the metric that the app returns.

        Returns:
            model: What the app wrote to AIP_MODEL_DIR.
            metrics: What the app returned.
            metric_value: What the app returned, as a number.
        """
        return dsl.ContainerSpec(
            image=image,
            command=["python", "-m", "hydra_vertex.trial"],
            # Exactly these arguments keep a component usable as a custom training job.
            args=["--executor_input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
        )

    return retrain
