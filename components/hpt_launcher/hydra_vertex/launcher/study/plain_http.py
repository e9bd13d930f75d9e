"""Which endpoints may be reached without TLS: this machine, and with a token a service of the same cluster."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}
_SERVICE_DOMAIN = "svc"
"""The part of a Service's name after its namespace. Source: https://kubernetes.io/docs/concepts/services-networking/
dns-pod-service/."""


def is_on_this_machine(api_endpoint: str) -> bool:
    """Whether an endpoint with plain http is on loopback."""
    return api_endpoint.startswith("http://") and _host(api_endpoint) in LOOPBACK_HOSTS


def require_loopback(api_endpoint: str) -> None:
    """Check that an endpoint with plain http is on this machine: the connection is not encrypted. Raises UserError."""
    if _host(api_endpoint) not in LOOPBACK_HOSTS:
        raise UserError(f"api_endpoint {api_endpoint}: {_ONLY_HERE}; use https for any other")


def require_allowed_http(api_endpoint: str, environ: Mapping[str, str]) -> None:
    """Check that an endpoint with plain http may be used, and say once what is sent unencrypted.

    Allowed are this machine and, where a variable names a token, a host of the same cluster: a name without a dot, the
    name of a Service with `.svc`, or a private address. Raises UserError.
    """
    host = _host(api_endpoint)
    if host in LOOPBACK_HOSTS:
        return
    if not _is_in_cluster(host):
        raise UserError(
            f"api_endpoint {api_endpoint}: {_ONLY_HERE}, and in a cluster (http://NAME.NAMESPACE.svc); use https for "
            "any other"
        )
    if not (environ.get(TOKEN_FILE_VARIABLE) or environ.get(TOKEN_VARIABLE)):
        raise UserError(
            f"api_endpoint {api_endpoint}: {_ONLY_HERE}, and in a cluster with the service's token; set "
            f"{TOKEN_VARIABLE} from a Secret, or {TOKEN_FILE_VARIABLE}, or use https"
        )
    _say_unencrypted(api_endpoint)


_ONLY_HERE = f"plain http is allowed only on this machine ({', '.join(sorted(LOOPBACK_HOSTS))})"


def _host(api_endpoint: str) -> str:
    try:
        return urlsplit(api_endpoint).hostname or ""
    except ValueError:  # a bracket of IPv6 that is not closed
        return ""


def _is_in_cluster(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        labels = host.rstrip(".").split(".")
    return bool(host) and (len(labels) == 1 or labels[2:3] == [_SERVICE_DOMAIN])


@cache
def _say_unencrypted(api_endpoint: str) -> None:
    print(
        f"{one_line(api_endpoint)}: the jobs and the service's token are sent unencrypted, unless the cluster encrypts",
        file=sys.stderr,
    )
