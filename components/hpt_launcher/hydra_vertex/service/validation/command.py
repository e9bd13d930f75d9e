"""Validates a command and its environment: variable names, NUL characters, size limits of Linux. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hydra_vertex.job import ContainerSpec
from hydra_vertex.job.quoting import quoted

from .refusals import invalid, unimplemented

VARIABLES_LIMIT = 100
STRING_LIMIT_BYTES = (128 << 10) - 1
"""Limit of one argument, and of one variable with its name. Source: MAX_ARG_STRLEN of Linux, execve(2)."""

ENVIRONMENT_LIMIT_BYTES = 1 << 20
"""Limit of all variables: half of what Linux allows for arguments and variables with its usual stack, execve(2)."""

_C_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
_SERVICE_PREFIXES = ("AIP_", "CLOUD_ML_")
_PATH_LIMIT_BYTES = 4096


def validate_command(container: ContainerSpec, path: str) -> None:
    """Raises Refusal unless a process can be started with the container's command, arguments and environment."""
    if not container.command or not container.command[0]:
        invalid(
            f"{path}.command",
            "is empty; this service starts processes and not containers, so an image's ENTRYPOINT cannot replace it",
        )
    for part in (*container.command, *container.args):
        if "\0" in part:
            invalid(path, "a command cannot contain a NUL character")
        if len(part.encode()) > STRING_LIMIT_BYTES:
            unimplemented(path, f"arguments of more than {STRING_LIMIT_BYTES} bytes")
    _validate_names(container.env, f"{path}.env")
    _validate_sizes(container.env, f"{path}.env")


def _validate_names(env: Mapping[str, str], path: str) -> None:
    if len(env) > VARIABLES_LIMIT:
        invalid(path, f"expected {VARIABLES_LIMIT} variables at most, got {len(env)}")
    for name, value in env.items():
        if not _C_IDENTIFIER.fullmatch(name):
            invalid(
                path,
                f"{quoted(name)} cannot be the name of an environment variable; expected letters, digits and "
                "underscores, not starting with a digit",
            )
        if "\0" in value:
            invalid(path, f"{name} has a NUL character in its value, which an environment cannot contain")


def _validate_sizes(env: Mapping[str, str], path: str) -> None:
    """Limit the size after replacing references: `$(A)$(A)` of `$(B)$(B)` of … grows exponentially."""
    sizes: dict[str, int] = {}
    for name, value in env.items():
        # The text of the reference is counted as well: `$$(NAME)` and unknown names are not replaced.
        references = sum(_size_of(reference, sizes) for reference in _REFERENCE.findall(value))
        sizes[name] = len(name) + 1 + len(value.encode()) + references
        if sizes[name] > STRING_LIMIT_BYTES:
            what = f"variables of more than {STRING_LIMIT_BYTES} bytes, as {quoted(name)} is with its references,"
            unimplemented(path, what)
    if sum(sizes.values()) > ENVIRONMENT_LIMIT_BYTES:
        unimplemented(path, f"environments of more than {ENVIRONMENT_LIMIT_BYTES} bytes, references replaced,")


def _size_of(reference: str, sizes: Mapping[str, int]) -> int:
    return sizes.get(reference, _PATH_LIMIT_BYTES if reference.startswith(_SERVICE_PREFIXES) else 0)
