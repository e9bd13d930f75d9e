"""What a command takes over from its run folder, and what is another study."""

from __future__ import annotations

import dataclasses
import json

import pytest

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    DoubleRange,
    Goal,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    dump_study_spec,
)
from hydra_vertex.pipelines.local.same_study import seed_of, taken_over, with_new_seed
from hydra_vertex.protocol.errors import OutputError

MOMENTUM = ParameterSpec("momentum", DoubleRange(0.0, 1.0))
OPTIMIZER = ParameterSpec("optimizer", Categorical(("adam", "sgd")))
FLAT = StudySpec((MetricSpec("loss", Goal.MINIMIZE),), (MOMENTUM, OPTIMIZER))


def tree(when: str = "sgd", default: str | None = "adam") -> StudySpec:
    parent = ParameterSpec(
        "optimizer", Categorical(("adam", "sgd"), default), None, (ConditionalParameter((when,), MOMENTUM),)
    )
    return dataclasses.replace(FLAT, parameters=(parent,))


def arguments(spec: StudySpec = FLAT, seed: str = "", team: str = "") -> dict[str, str | int]:
    labels = {"hydra-vertex-seed": seed, "team": team}
    text = json.dumps({name: value for name, value in labels.items() if value})
    return {"study_spec": json.dumps(dump_study_spec(spec)), "labels": text, "max_trial_count": 4}


def test_a_new_study_has_a_seed_of_its_own() -> None:
    one, other = with_new_seed(arguments(team="a")), with_new_seed(arguments(team="a"))

    assert seed_of(one).isdecimal()
    assert seed_of(one) != seed_of(other)
    assert json.loads(str(one["labels"]))["team"] == "a"


def test_a_seed_that_was_given_is_kept() -> None:
    given = arguments(seed="7")

    assert with_new_seed(given) == given


@pytest.mark.parametrize(
    ("known", "asked", "written"),
    [
        (tree(), tree(), FLAT),
        (tree(default="adam"), tree(default="sgd"), FLAT),
        (tree(default="adam"), tree(default=None), FLAT),
        (tree(), FLAT, None),
        (FLAT, tree(), FLAT),
    ],
    ids=["equal", "another default", "no baseline", "not checked now", "not checked before"],
)
def test_the_study_of_the_folder_goes_on(known: StudySpec, asked: StudySpec, written: StudySpec | None) -> None:
    before = arguments(known, seed="7")

    assert (
        taken_over(before, arguments(asked), written=None if written is None else arguments(written, seed="7"))
        == before
    )


@pytest.mark.parametrize(
    ("known", "asked", "written"),
    [
        (tree(), FLAT, FLAT),
        (FLAT, tree(), None),
        (FLAT, tree(), tree()),
        (tree("sgd"), tree("adam"), FLAT),
        (tree("sgd"), tree("adam"), None),
    ],
)
def test_other_conditions_are_another_study(known: StudySpec, asked: StudySpec, written: StudySpec | None) -> None:
    given = arguments(asked)

    assert taken_over(arguments(known), given, written=None if written is None else arguments(written)) == given


def test_other_labels_are_not_taken_over() -> None:
    given = arguments(team="b")

    assert taken_over(arguments(team="a", seed="7"), given) == given


@pytest.mark.parametrize(("before", "said"), [("7", "the seed 7"), ("", "no seed")])
def test_another_seed_is_refused_with_the_one_of_the_folder(before: str, said: str) -> None:
    with pytest.raises(OutputError, match=f"--seed 8: the study in the folder has {said}; leave the option out"):
        taken_over(arguments(seed=before), arguments(seed="8"))


def test_a_folder_of_an_earlier_version_has_no_seed() -> None:
    assert seed_of(taken_over(arguments(), arguments())) == ""
