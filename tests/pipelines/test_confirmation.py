"""A plan with repeats: what is refused, the pipeline's parameter, and what `--no-check` leaves unchecked."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.cli.commands.confirm_options import confirmation_lines
from hydra_vertex.cli.commands.unchecked import say_unchecked
from hydra_vertex.job import ContainerSpec, Goal, MetricSpec, StudySpec, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.launcher.confirm.settings import ConfirmSettings, load_settings
from hydra_vertex.pipelines.confirmation import require_confirmable
from hydra_vertex.pipelines.model_decisions import ModelDecisions
from hydra_vertex.pipelines.plan import TuningPlan, make_plan
from hydra_vertex.protocol.errors import UserError
from pipelines.apps import SEARCH

OWN_COMMAND = TrialJobSpec((WorkerPoolSpec(container=ContainerSpec("i", command=("python", "train.py"))),))
TWO_METRICS = StudySpec((MetricSpec("a", Goal.MINIMIZE), MetricSpec("b", Goal.MINIMIZE)), ())
SETTINGS = ConfirmSettings(2, 3, "seed")


@pytest.fixture
def plan(tmp_path: Path) -> TuningPlan:
    (tmp_path / "search.yaml").write_text(SEARCH)
    return make_plan(tmp_path / "search.yaml", ("python", "app.py"), trials=4)


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({}, ConfirmSettings(5, 3, "seed"), "--confirm 5: the study has 4 trials"),
        ({}, ConfirmSettings(2, 1, "seed"), "--confirm: 1 repeats: expected 2 or more"),
        ({}, ConfirmSettings(4, 2**30, "seed", 0), "--confirm: 4294967296 trials; expected at most 2147483647"),
        ({}, ConfirmSettings(2, 3, "lr"), "--seed-key lr: the search space has this key too"),
        ({"aliases": ("lr=seed",)}, SETTINGS, "--seed-key seed: the search space has this key too"),
        ({"study_spec": TWO_METRICS}, SETTINGS, r"--confirm selects by the mean of one metric, and .* \(a, b\)"),
        ({"trial_job_spec": OWN_COMMAND}, SETTINGS, "--confirm: the container's own command has no `hydra-trial"),
    ],
)
def test_a_plan_that_cannot_be_confirmed_is_refused(
    plan: TuningPlan, changes: dict[str, Any], settings: ConfirmSettings, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        require_confirmable(dataclasses.replace(plan, **changes), settings)


def test_the_pipeline_gets_the_settings_and_without_them_no_parameter(plan: TuningPlan) -> None:
    place = {"project": "p", "location": "l"}

    with_repeats = dataclasses.replace(plan, confirm=SETTINGS).pipeline_arguments(**place)

    assert load_settings(str(with_repeats["confirm"])) == SETTINGS
    assert "confirm" not in plan.pipeline_arguments(**place)
    assert list(confirmation_lines(plan)) == []


def test_options_that_fail_only_after_the_study_are_named_when_the_app_is_not_asked(
    plan: TuningPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    say_unchecked(plan)
    assert capsys.readouterr().err == ""

    model = ModelDecisions(warm_start_key="ckpt_path")
    say_unchecked(dataclasses.replace(plan, retrain_overrides=("wrong=1",), model=model, confirm=SETTINGS))

    printed = capsys.readouterr().err
    assert printed.startswith(
        "--no-check: the app was not asked about --retrain wrong=1 and --warm-start ckpt_path and --seed-key seed; "
    )
    assert printed.count("\n") == 1
