"""Options of the commands that describe jobs on Vertex AI: machines, scheduling, network, accounts and labels."""

from __future__ import annotations

import argparse
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import whole_number, word

from .capacity_options import add_strategy_options, tries_several
from .option_forms import boot_disk, label, worker_pool

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.pipelines.trial_settings import TrialSettings

STRATEGY_NAMES = ("standard", "on-demand", "spot", "flex-start")
RESTART_NAMES = ("worker", "job", "never")


def add_trial_job_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the trials' machines. Each replaces the same field of the search file."""
    _add_machine_options(parser.add_argument_group("machine of each trial (replaces what the search file says)"))
    _add_scheduling_options(parser.add_argument_group("how the trials get their machines"))
    _add_identity_options(parser.add_argument_group("accounts, network and labels"))


def add_pool_options(machine: argparse._ArgumentGroup) -> None:
    """Add the options of the worker pools: image, machine, accelerators and further pools."""
    machine.add_argument("--image", type=word, metavar="URI", help="container image of every pool that runs the app")
    machine.add_argument(
        "--trial-machine-type", type=word, metavar="TYPE", help="default: the file's, else n1-standard-4"
    )
    machine.add_argument(
        "--trial-accelerator",
        type=word,
        metavar="TYPE",
        help="such as NVIDIA_TESLA_T4 (default: the built-in one of the machine type, such as g2-standard-8)",
    )
    machine.add_argument("--trial-accelerator-count", type=whole_number(1), metavar="N", help="default: 1")
    machine.add_argument(
        "--worker-pool-spec",
        type=worker_pool,
        action="append",
        default=[],
        metavar="KEY=VALUE,…",
        help="a worker pool of a distributed trial, in the form of gcloud ai custom-jobs: machine-type, replica-count, "
        "accelerator-type, accelerator-count, container-image-uri (default: --image); may be repeated, in the order of "
        "the pools; an empty one is a pool that is not used",
    )


def add_machine_check_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves out the check of machine types."""
    parser.add_argument(
        "--no-machine-check",
        action="store_true",
        help="accept machine types and accelerators that the built-in table does not have",
    )


def _add_machine_options(machine: argparse._ArgumentGroup) -> None:
    add_pool_options(machine)
    machine.add_argument(
        "--trial-disk",
        type=boot_disk,
        metavar="[TYPE:]GB",
        help="boot disk of every worker that runs the app, such as pd-ssd:500 (default: pd-ssd with 100 GB)",
    )


def _add_scheduling_options(group: argparse._ArgumentGroup) -> None:
    add_strategy_options(group)
    group.add_argument(
        "--restart",
        choices=RESTART_NAMES,
        help="after a failure of the infrastructure: restart the worker (the service's default), all workers of the "
        "trial, or nothing",
    )
    group.add_argument(
        "--persistent-resource", type=word, metavar="ID", help="run the trials on the machines of this resource"
    )


def _add_identity_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--service-account",
        type=word,
        metavar="ADDRESS",
        help="account of the pipeline, and of the trials unless the file or --trial-service-account names theirs",
    )
    group.add_argument("--trial-service-account", type=word, metavar="ADDRESS", help="account of the trials")
    group.add_argument(
        "--network",
        type=word,
        metavar="NAME",
        help="peer the pipeline and the trials with projects/NUMBER/global/networks/NAME",
    )
    group.add_argument(
        "--reserved-ip-range",
        type=word,
        action="append",
        default=[],
        metavar="NAME",
        help="range of the network for the trials; may be repeated",
    )
    group.add_argument(
        "--network-attachment", type=word, metavar="NAME", help="Private Service Connect attachment of the trials"
    )
    group.add_argument(
        "--encryption-key", type=word, metavar="KEY", help="Cloud KMS key (CMEK) of the pipeline and the tuning job"
    )
    group.add_argument(
        "--label",
        type=label,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="label of the pipeline and the tuning job; may be repeated",
    )
    group.add_argument(
        "--tensorboard",
        type=word,
        metavar="NAME",
        help="Vertex AI TensorBoard of the trials, projects/P/locations/L/tensorboards/ID; needs a service account",
    )


def trial_settings(arguments: argparse.Namespace) -> TrialSettings:
    """Return what the options say about the trials' jobs."""
    from hydra_vertex.pipelines.trial_settings import TrialSettings

    return TrialSettings(
        root=arguments.root or "",
        image=arguments.image or "",
        machine_type=arguments.trial_machine_type or "",
        accelerator=arguments.trial_accelerator or "",
        accelerator_count=arguments.trial_accelerator_count,
        disk=arguments.trial_disk,
        pools=tuple(arguments.worker_pool_spec),
        strategy=arguments.strategy[0] if len(arguments.strategy or ()) == 1 else "",
        max_wait_s=None if tries_several(arguments) else arguments.max_wait,
        restart=arguments.restart or "",
        persistent_resource=arguments.persistent_resource or "",
        network=arguments.network or "",
        reserved_ip_ranges=tuple(arguments.reserved_ip_range),
        network_attachment=arguments.network_attachment or "",
        account=arguments.service_account or "",
        trial_account=arguments.trial_service_account or "",
        tensorboard=arguments.tensorboard or "",
        encryption_key=arguments.encryption_key or "",
        labels=labels_of(arguments),
    )


def with_own_folder(plan: TuningPlan) -> TuningPlan:
    """Return the plan with a folder for the output of its trials that no other study has."""
    from hydra_vertex.pipelines import trial_machine

    return trial_machine.with_own_folder(plan, trial_machine.new_study_id(datetime.now(), secrets.token_hex(3)))


def labels_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the labels of the options. Raises CommandError for a label that is given twice with two values."""
    from hydra_vertex.protocol.errors import CommandError

    labels: dict[str, str] = {}
    for key, value in arguments.label:
        if labels.setdefault(key, value) != value:
            raise CommandError(f"--label {key}: is given with the values {labels[key]} and {value}; remove one")
    return labels
