"""Options of `compile` for Kubeflow Pipelines without Vertex AI."""

from __future__ import annotations

import argparse
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import file_path, word
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError

from .engine_options import engine_options_from

if TYPE_CHECKING:
    from hydra_vertex.pipelines.cluster import ClusterSettings, Toleration

ENGINE = "kubernetes"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
TOKEN_KEY = "token"  # noqa: S105 - the key of the Secret, not its value
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_ONLY_VERTEX = ("serving_image", "model_name")


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group(
        "Kubeflow Pipelines on a cluster, without Vertex AI (docs/kubeflow.md)",
        "all but --engine need the extra kubeflow, and a .yaml file",
    )
    group.add_argument(
        "--engine",
        choices=(ENGINE,),
        help="the step tune serves itself, and its trials are Jobs of its namespace (default: a service that exists)",
    )
    group.add_argument(
        "--engine-config", type=file_path, metavar="FILE", help="with --engine: YAML file with the engine's settings"
    )
    group.add_argument(
        "--engine-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="with --engine: one setting, in place of the file's; may be repeated",
    )
    group.add_argument(
        "--engine-folder",
        type=word,
        metavar="PATH",
        help="with --engine: folder on a volume in which the study is kept, so that a retry of the step goes on with "
        "it (default: a folder of the Pod; the step is then not retried)",
    )
    group.add_argument(
        "--volume",
        type=volume,
        action="append",
        default=[],
        metavar="CLAIM:PATH",
        help="mount a PersistentVolumeClaim in every step; may be repeated",
    )
    group.add_argument(
        "--node-selector",
        type=node_label,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a label of the nodes of the retraining; may be repeated",
    )
    group.add_argument(
        "--toleration",
        type=toleration,
        action="append",
        default=[],
        metavar="KEY[=VALUE][:EFFECT]",
        help="a taint that the retraining tolerates, such as nvidia.com/gpu:NoSchedule; may be repeated",
    )
    group.add_argument(
        "--service-access",
        type=token_secret,
        metavar="SECRET[:KEY]",
        help=f"Secret with the token of the tuning service that the parameter api_endpoint names (KEY: {TOKEN_KEY})",
    )


def cluster_settings_of(arguments: argparse.Namespace) -> ClusterSettings | None:
    """Return the settings that the options describe; None without any. Raises UserError, for what only Vertex has."""
    from hydra_vertex.pipelines.cluster import ClusterSettings

    engine = _engine_text(arguments)
    settings = ClusterSettings(
        engine=engine,
        keeps_study=not engine or bool(arguments.engine_folder),
        node_selector=tuple(arguments.node_selector),
        tolerations=tuple(arguments.toleration),
        volumes=tuple(arguments.volume),
        token_secret=arguments.service_access,
    )
    if not engine and not settings.needs_extension:
        return None
    _refuse_vertex(arguments)
    if engine and settings.token_secret:
        raise CommandError("--service-access: with --engine the step has a service of its own; leave one of them out")
    if settings.needs_extension and arguments.output.suffix == ".json":
        raise CommandError(
            f"{arguments.output}: a .json file cannot have node selectors, tolerations, volumes and secrets; "
            "give a .yaml file"
        )
    return settings


def _engine_text(arguments: argparse.Namespace) -> str:
    if arguments.engine is None:
        for option in ("engine_config", "engine_set", "engine_folder"):
            if getattr(arguments, option):
                raise CommandError(f"--{option.replace('_', '-')} needs --engine {ENGINE}; add it, or leave it out")
        return ""
    from hydra_vertex.pipelines.step_engine import engine_text

    folder = arguments.engine_folder or ""
    text = engine_text(engine_options_from(arguments), folder)
    if folder and not any(PurePosixPath(folder).is_relative_to(path) for _, path in arguments.volume):
        raise CommandError(f"--engine-folder {folder}: is on no volume of the step; add --volume CLAIM:{folder}")
    return text


def _refuse_vertex(arguments: argparse.Namespace) -> None:
    for option in _ONLY_VERTEX:
        if getattr(arguments, option):
            raise CommandError(
                f"--{option.replace('_', '-')}: only Vertex AI registers models, and the other options are for a "
                "cluster without it; leave it out"
            )
    if arguments.retrain_as != "task":
        raise CommandError(
            f"--retrain-as {arguments.retrain_as}: is a job of Vertex AI, and the other options are for a cluster "
            "without it; leave it out, so that the retraining is a task of the pipeline"
        )


def node_label(text: str) -> tuple[str, str]:
    """Parse `KEY=VALUE`, a label of Kubernetes. Raises ArgumentTypeError."""
    key, equals, value = text.partition("=")
    if not equals or not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected a label of nodes, KEY=VALUE, such as "
            "cloud.google.com/gke-accelerator=nvidia-l4"
        )
    return key, value


def toleration(text: str) -> Toleration:
    """Parse `KEY[=VALUE][:EFFECT]`. Raises ArgumentTypeError."""
    from hydra_vertex.pipelines.cluster import Toleration

    taint, colon, effect = text.partition(":")
    key, equals, value = taint.partition("=")
    is_taint = _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value) and bool(equals) is bool(value)
    if not is_taint or (colon and effect not in EFFECTS):
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected KEY, KEY=VALUE, and :EFFECT after them if only one effect is tolerated; "
            f"the effects are {', '.join(EFFECTS)}"
        )
    return Toleration(key, value, effect)


def volume(text: str) -> tuple[str, str]:
    """Parse `CLAIM:PATH`. Raises ArgumentTypeError."""
    claim, _, path = text.partition(":")
    if not _NAME.fullmatch(claim) or not path.startswith("/") or ":" in path or not path.isprintable():
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected the name of a PersistentVolumeClaim and an absolute path, such as "
            "studies:/mnt/studies"
        )
    return claim, path


def token_secret(text: str) -> tuple[str, str]:
    """Parse `NAME[:KEY]`. Raises ArgumentTypeError."""
    name, colon, key = text.partition(":")
    if not _NAME.fullmatch(name) or (colon and not re.fullmatch(r"[-._a-zA-Z0-9]+", key)):
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected the name of a Secret, and :KEY if its key is not {TOKEN_KEY}"
        )
    return name, key or TOKEN_KEY
