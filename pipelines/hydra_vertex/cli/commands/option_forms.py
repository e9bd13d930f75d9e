"""Types of options that have parts: a boot disk, a worker pool, a label. Each raises ArgumentTypeError."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import whole_number
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.suggestions import suggest

if TYPE_CHECKING:
    from hydra_vertex.job import WorkerPoolSpec
    from hydra_vertex.pipelines.trial_settings import Disk
    from hydra_vertex.protocol.json import Json

DISK_TYPES = ("pd-ssd", "pd-standard", "hyperdisk-balanced")
"""Source: the comment of DiskSpec.boot_disk_type in machine_resources.proto."""
SMALLEST_DISK_GB = 100
LARGEST_DISK_GB = 64_000
"""Source: https://cloud.google.com/vertex-ai/docs/training/configure-compute#boot_disk_options."""

POOL_KEYS = ("machine-type", "replica-count", "accelerator-type", "accelerator-count", "container-image-uri")
OTHER_POOL_KEYS = (
    *("executor-image-uri", "output-image-uri", "python-module", "script"),
    *("local-package-path", "requirements", "extra-dirs", "extra-packages"),
)
"""Keys of gcloud's --worker-pool-spec for a program other than the app's command."""


def boot_disk(text: str) -> Disk:
    """Parse `TYPE:GB`, or `GB` for the default type. Raises ArgumentTypeError."""
    from hydra_vertex.pipelines.trial_settings import Disk

    kind, _, size = text.rpartition(":")
    if (kind and kind not in DISK_TYPES) or not re.fullmatch(r"\d{1,6}", size, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected TYPE:GB such as pd-ssd:500; the types are {', '.join(DISK_TYPES)}"
        )
    if not SMALLEST_DISK_GB <= int(size) <= LARGEST_DISK_GB:
        raise argparse.ArgumentTypeError(f"{size} GB: expected {SMALLEST_DISK_GB} to {LARGEST_DISK_GB} GB")
    return Disk(kind, int(size))


def label(text: str) -> tuple[str, str]:
    """Parse `KEY=VALUE` by Google Cloud's rules for labels. Raises ArgumentTypeError.

    Source: https://cloud.google.com/resource-manager/docs/labels-overview#requirements.
    """
    key, equals, value = text.partition("=")
    if not equals or not _is_label(key) or not key[:1].isalpha() or not _is_label(value):
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected KEY=VALUE of lowercase letters, digits, dashes and underscores, at most "
            "63 of them each; a key begins with a letter"
        )
    return key, value


def _is_label(text: str) -> bool:
    return len(text) <= 63 and all(c in "_-" or (c.isalnum() and not c.isupper()) for c in text)


def worker_pool(text: str) -> WorkerPoolSpec:
    """Parse a pool in gcloud's form, `machine-type=TYPE,replica-count=N,…`; empty text is a pool that is not used.

    Raises ArgumentTypeError.
    """
    from hydra_vertex.job import ContainerSpec, WorkerPoolSpec

    if not text:
        return WorkerPoolSpec()
    given = _pool_keys(text)
    if not given.get("machine-type"):
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: machine-type is missing")
    machine: dict[str, Json] = {"machineType": given["machine-type"]}
    if kind := given.get("accelerator-type"):
        machine |= {"acceleratorType": kind, "acceleratorCount": whole_number(1)(given.get("accelerator-count", "1"))}
    elif "accelerator-count" in given:
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: accelerator-count needs accelerator-type")
    return WorkerPoolSpec(
        container=ContainerSpec(given.get("container-image-uri", "")),
        replica_count=whole_number(1)(given.get("replica-count", "1")),
        machine=machine,
    )


def _pool_keys(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if key in OTHER_POOL_KEYS:
            raise argparse.ArgumentTypeError(
                f"{key}: the program of the pools is the app's command after --, in the image container-image-uri"
            )
        if key not in POOL_KEYS:
            raise argparse.ArgumentTypeError(
                f"{excerpt(repr(key))}: not a key of a worker pool{suggest(key, POOL_KEYS)}"
            )
        if not equals or not value or key in given:
            raise argparse.ArgumentTypeError(f"{excerpt(repr(part))}: expected {key}=VALUE once")
        given[key] = value
    return given
