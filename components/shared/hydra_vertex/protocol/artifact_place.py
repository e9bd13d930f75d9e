"""Decides whether an output artifact may be at an address that the pipeline did not choose. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_KUBEFLOW_POD = "KFP_POD_NAME"
"""The variable that Kubeflow Pipelines sets in a step's container; Vertex Pipelines does not set it."""


def may_be_at(uri: str, own_uri: str, environ: Mapping[str, str]) -> bool:
    """Whether the artifact with the address `own_uri` may get the address `uri`.

    Both have to be in a store of the same kind. Kubeflow Pipelines also fails a step whose artifact is in another
    bucket than that of the run (`KeyFromURI` in its launcher_v2.go).
    """
    wanted, own = urlsplit(uri), urlsplit(own_uri)
    if wanted.scheme != own.scheme:
        return False
    return wanted.netloc == own.netloc or _KUBEFLOW_POD not in environ
