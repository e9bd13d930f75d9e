"""The limits of arguments and variables, compared with those of the system."""

from __future__ import annotations

import errno
import subprocess

import pytest

from hydra_vertex.job import ContainerSpec
from hydra_vertex.job.env_references import expanded
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.validation.command import STRING_LIMIT_BYTES, validate_command

LONGEST = "ä" * ((STRING_LIMIT_BYTES - 1) // 2) + "x"


def container(*args: str, **env: str) -> ContainerSpec:
    return ContainerSpec("x", ("true",), args, env)


def refusal_of(spec: ContainerSpec) -> Refusal | None:
    try:
        validate_command(spec, "spec")
    except Refusal as refusal:
        return refusal
    return None


def starts(spec: ContainerSpec) -> bool:
    try:
        subprocess.run([*spec.command, *spec.args], env=dict(spec.env), check=True, executable="/bin/true")
    except OSError as error:
        return error.errno != errno.E2BIG
    return True


@pytest.mark.parametrize(
    ("spec", "is_refused"),
    [
        (container(LONGEST), False),
        (container(f"{LONGEST}x"), True),
        (container(A=LONGEST[1:]), False),
        (container(A=f"{LONGEST[1:]}x"), True),
    ],
    ids=["longest argument", "longer", "longest variable", "longer"],
)
def test_the_longest_accepted_string_is_that_of_the_system(spec: ContainerSpec, is_refused: bool) -> None:
    refusal = refusal_of(spec)
    assert (refusal is not None, starts(spec)) == (is_refused, not is_refused)
    assert refusal is None or (refusal.status, refusal.field[:4]) == (Status.UNIMPLEMENTED, "spec")


@pytest.mark.parametrize("count", [1, 5, 12, 13, 14, 100])
def test_the_size_of_an_environment_is_computed_without_replacing_references(count: int) -> None:
    env = {"A0": "x" * 10, **{f"A{n}": f"$(A{n - 1})$(A{n - 1})" for n in range(1, count)}}
    if refusal_of(container(**env)) is None:
        assert max(map(len, expanded(env, {}).values())) <= STRING_LIMIT_BYTES
    else:
        assert count > 12


@pytest.mark.parametrize("value", ["$$(A)$(B)$(A", "$(LATER)", "$(AIP_MODEL_DIR)/x", "pa$$word"])
def test_references_of_an_ordinary_size_are_accepted(value: str) -> None:
    assert not refusal_of(container(A="a" * 1000, B=value, LATER="x"))
