"""Options of `compile` for a retraining that runs as a Vertex AI CustomJob."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import seconds, word

from .cost_options import duration, parsed
from .option_forms import boot_disk, label
from .trial_machine_options import RESTART_NAMES, STRATEGY_NAMES, labels_of

if TYPE_CHECKING:
    from hydra_vertex.pipelines.retraining import RetrainJob

RETRAIN_AS = ("task", "custom-job")
_ONLY_OF_CUSTOM_JOBS = (
    *("strategy", "max_wait", "timeout", "restart", "persistent_resource", "disk"),
    *("service_account", "network", "encryption_key", "label", "tensorboard"),
)


def add_retrain_job_options(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the kind of job, and the options that only a CustomJob has."""
    parser.add_argument(
        "--retrain-as",
        choices=RETRAIN_AS,
        default=RETRAIN_AS[0],
        help="run the retraining as a task of the pipeline, or as a Vertex AI CustomJob with the options below, which "
        "needs the extra google-components (default: task)",
    )
    group = parser.add_argument_group("retraining with --retrain-as custom-job")
    strategy = group.add_mutually_exclusive_group()
    strategy.add_argument("--strategy", choices=STRATEGY_NAMES, help="default: standard (on-demand)")
    strategy.add_argument(
        "--spot", dest="strategy", action="store_const", const="spot", help="the same as --strategy spot"
    )
    group.add_argument(
        "--max-wait",
        type=parsed(duration),
        metavar="TIME",
        help="how long flex-start waits for a machine, such as 30m; 0: no limit (default: 24h)",
    )
    group.add_argument(
        "--timeout", type=seconds, metavar="TIME", help="end a longer retraining, such as 12h (default: 7d)"
    )
    group.add_argument(
        "--restart", choices=RESTART_NAMES[:2], help="after a failure of the infrastructure (default: worker)"
    )
    group.add_argument("--persistent-resource", type=word, metavar="ID", help="run on the machines of this resource")
    group.add_argument("--disk", type=boot_disk, metavar="[TYPE:]GB", help="boot disk (default: pd-ssd:100)")
    group.add_argument("--service-account", type=word, metavar="ADDRESS", help="account of the retraining")
    group.add_argument("--network", type=word, metavar="NAME", help="projects/NUMBER/global/networks/NAME")
    group.add_argument("--encryption-key", type=word, metavar="KEY", help="Cloud KMS key (CMEK)")
    group.add_argument(
        "--label", type=label, action="append", default=[], metavar="KEY=VALUE", help="label; may be repeated"
    )
    group.add_argument("--tensorboard", type=word, metavar="NAME", help="Vertex AI TensorBoard; needs an account")


def retrain_job_of(arguments: argparse.Namespace) -> RetrainJob | None:
    """Return the CustomJob that the options describe; None for a task of the pipeline. Raises UserError."""
    from hydra_vertex.pipelines.retraining import CUSTOM_JOB, RetrainJob, require_retrain_job
    from hydra_vertex.protocol.errors import CommandError

    if arguments.retrain_as != CUSTOM_JOB:
        for name in _ONLY_OF_CUSTOM_JOBS:
            if getattr(arguments, name) not in (None, []):
                option = "--strategy (--spot)" if name == "strategy" else f"--{name.replace('_', '-')}"
                raise CommandError(f"{option}: a task of the pipeline cannot have it; add --retrain-as custom-job")
        return None
    for option, value in (("--cpu", arguments.cpu), ("--memory", arguments.memory)):
        if value:
            raise CommandError(f"{option} {value}: a custom job has a machine type; give --machine-type")
    given = {
        "machine_type": arguments.machine_type,
        "disk": arguments.disk,
        "strategy": arguments.strategy,
        "timeout_s": arguments.timeout,
        "max_wait_s": arguments.max_wait,
    }
    job = RetrainJob(
        accelerator=arguments.accelerator or "",
        accelerator_count=arguments.accelerator_count,
        restarts_job=arguments.restart == "job",
        persistent_resource=arguments.persistent_resource or "",
        service_account=arguments.service_account or "",
        network=arguments.network or "",
        encryption_key=arguments.encryption_key or "",
        tensorboard=arguments.tensorboard or "",
        labels=labels_of(arguments),
        **{name: value for name, value in given.items() if value is not None},
    )
    require_retrain_job(job, is_checked=not arguments.no_machine_check)
    return job
