"""The options about the best trial's model, shared by the commands `check`, `run` and `submit`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import word

if TYPE_CHECKING:
    from hydra_vertex.pipelines.model_decisions import ModelDecisions


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide what becomes of the best trial's model."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--no-retrain",
        action="store_true",
        help="leave the retraining out; the model is then the one that the best trial wrote",
    )
    group.add_argument(
        "--warm-start",
        type=word,
        metavar="KEY",
        help="start the retraining from the best trial's checkpoint: the app's KEY, such as ckpt_path, gets its path "
        "(default: from scratch)",
    )
    group.add_argument(
        "--log-experiment",
        type=word,
        metavar="NAME",
        help="log the trials as runs of this Vertex Experiment; needs Vertex AI",
    )


def model_decisions_from(arguments: argparse.Namespace, *, here: bool) -> ModelDecisions:
    """Return the decisions that the options describe. Raises UserError.

    With `here`, an experiment is refused too: the embedded service has none.
    """
    from hydra_vertex.pipelines.model_decisions import model_decisions
    from hydra_vertex.protocol.errors import UserError

    experiment = getattr(arguments, "log_experiment", None) or ""
    if here and experiment:
        raise UserError(
            f"--log-experiment {experiment}: Vertex AI stores experiments, and the tuning service on "
            "this machine does not; leave the option out, or use `hydra-vertex submit`"
        )
    return model_decisions(
        no_retrain=getattr(arguments, "no_retrain", False),
        warm_start_key=getattr(arguments, "warm_start", None) or "",
        log_experiment=experiment,
        retrain_overrides=getattr(arguments, "retrain", ()),
    )
