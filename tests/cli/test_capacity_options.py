"""The options about strategies and regions give a strategy in the trials' spec, or a ladder."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path

import pytest

from hydra_vertex.cli.commands.capacity_options import with_ladder
from hydra_vertex.cli.commands.study_options import plan_from
from hydra_vertex.cli.commands.trial_machine_options import trial_settings
from hydra_vertex.cli.main import build_parser
from hydra_vertex.launcher.capacity.rungs import Rung
from hydra_vertex.pipelines.plan import TuningPlan
from hydra_vertex.protocol.errors import UserError
from pipelines.apps import make_project


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("app")).path / "search.yaml"


def applied(search: Path, *options: str) -> TuningPlan:
    target = ("--project", "p", "--location", "l", "--root", "gs://b/r", "--image", "i")
    words = ["submit", "pipeline.json", *target, "--search", str(search), *options]
    arguments = build_parser().parse_args(words)
    arguments.app, arguments.typed = ("python", "app.py"), words
    return with_ladder(plan_from(arguments, trials=trial_settings(arguments)), arguments)


@pytest.mark.parametrize(
    ("options", "scheduling", "ladder"),
    [
        ((), {}, ()),
        (("--strategy", "spot"), {"strategy": "SPOT"}, ()),
        (("--trial-location", "l"), {}, ()),
        (("--trial-location", "m"), {}, (Rung("STANDARD", "m"),)),
        (("--strategy", "flex"), {"strategy": "FLEX_START"}, ()),
        (("--strategy", "flex", "--max-wait", "2h"), {"strategy": "FLEX_START", "maxWaitDuration": "7200s"}, ()),
        (("--strategy", "spot,on-demand"), {}, (Rung("SPOT", "l", 1800.0), Rung("STANDARD", "l"))),
        (
            ("--strategy", "spot,flex-start", "--max-wait", "90"),
            {},
            (Rung("SPOT", "l", 90.0), Rung("FLEX_START", "l")),
        ),
        (
            ("--trial-location", "a", "--trial-location", "b"),
            {},
            (Rung("STANDARD", "a", 1800.0), Rung("STANDARD", "b")),
        ),
    ],
)
def test_one_place_is_in_the_spec_and_several_are_a_ladder(
    search: Path, options: tuple[str, ...], scheduling: dict[str, str], ladder: tuple[Rung, ...]
) -> None:
    found = applied(search, *options)

    assert (found.trial_job_spec.scheduling, found.ladder) == (scheduling, ladder)
    assert ("capacity_ladder" in found.pipeline_arguments(project="p", location="l")) is bool(ladder)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--trial-location", "a", "--trial-location", "a"), "give each region once"),
        (("--max-wait", "5m"), "--max-wait has an effect with the strategy FLEX_START only"),
        (("--strategy", "spot", "--max-wait", "5m"), "--max-wait has an effect with the strategy FLEX_START only"),
        (("--strategy", "spot,on-demand", "--max-wait", "0"), "expected a duration above 0"),
        (("--strategy", "spot,on-demand", "--persistent-resource", "gpus"), "the strategy SPOT cannot provision any"),
    ],
)
def test_an_option_without_effect_is_refused(search: Path, options: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        applied(search, *options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--strategy", "spott"), "did you mean 'spot'"),
        (("--strategy", ""), "'' is not a strategy"),
        (("--strategy", "spot", "--spot"), "not allowed with argument"),
        (("--max-wait", "long"), "expected a number of seconds"),
        (("--trial-location", "a b"), "expected a name without spaces"),
    ],
)
def test_an_invalid_value_is_refused_with_what_is_allowed(
    search: Path, options: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        applied(search, *options)
    assert says in capsys.readouterr().err


def test_a_ladder_beside_a_job_that_exists_is_refused(search: Path) -> None:
    plan = applied(search, "--strategy", "spot")
    arguments = Namespace(strategy=("SPOT", "STANDARD"), trial_location=[], location="l", max_wait=None)
    with pytest.raises(UserError, match="--attach takes a job that exists"):
        with_ladder(dataclasses.replace(plan, attach="attach"), arguments)
