from __future__ import annotations

import pytest

from hydra_vertex.launcher.preflight.file_overrides import with_file_overrides
from hydra_vertex.protocol.errors import SearchSpaceError

APP = ("python", "train.py")


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ((), ("++lr=0.1", "model=large")),
        (("lr=1",), ("model=large",)),
        (("+lr=1",), ("model=large",)),
        (("~lr",), ("model=large",)),
        (("model=small",), ("++lr=0.1",)),
        (("lr.decay",), ("++lr=0.1", "model=large")),
        (("learning=1", "lrs=2"), ("++lr=0.1", "model=large")),
        (("--lr=3",), ("model=large",)),
        (("--lr", "3"), ("model=large",)),
        (("--+lr=3",), ("model=large",)),
        (("--model=small",), ("++lr=0.1",)),
    ],
)
def test_the_command_has_priority_over_the_file(given: tuple[str, ...], added: tuple[str, ...]) -> None:
    command = (*APP, *given)

    assert with_file_overrides(command, ("++lr=0.1", "model=large"), "s.yaml") == (*command, *added)


def test_a_group_option_of_the_command_and_a_value_in_it_of_the_file_both_hold() -> None:
    assert with_file_overrides((*APP, "model=large"), ("++model.depth=3",), "s.yaml")[-1] == "++model.depth=3"


@pytest.mark.parametrize(
    ("given", "override"),
    [("model={depth: 2}", "++model.depth=3"), ("~model", "++model.depth=3"), ("tags.0=a", "++tags=[b]")],
)
def test_a_part_of_a_value_that_the_other_sets_is_refused(given: str, override: str) -> None:
    with pytest.raises(SearchSpaceError, match=r"one of which is a part of the other"):
        with_file_overrides((*APP, given), (override,), "s.yaml")
