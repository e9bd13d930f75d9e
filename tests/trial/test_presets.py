"""A parameter that stands for a configuration is replaced before anything else reads the app's command."""

from __future__ import annotations

import pytest

from hydra_vertex.protocol.command import preset_option, with_options
from hydra_vertex.protocol.errors import CommandError, HydraVertexError
from hydra_vertex.trial.option_parser import parse_options

OPTIONS = (
    preset_option("study_trial", "7", ["--lr=0.1", "--text=a=b, 'c' \"d\" --e"]),
    preset_option("study_trial", "12", []),
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--study_trial=7", "--seed=3"], ["--lr=0.1", "--text=a=b, 'c' \"d\" --e", "--seed=3"]),
        (["--study_trial=12", "--seed=3"], ["--seed=3"]),
        (["study_trial=7", "--seed=3"], ["study_trial=7", "--seed=3"]),
        (["--other=7", "--study_trialx=7"], ["--other=7", "--study_trialx=7"]),
    ],
)
def test_the_parameter_is_replaced_by_those_of_its_configuration(words: list[str], expected: list[str]) -> None:
    command = with_options(("hydra-trial", "--metric", "m", "--", "python", "train.py"), OPTIONS)

    assert parse_options([*command[1:], *words]).app == ("python", "train.py", *expected)


def test_the_app_s_own_words_are_not_replaced() -> None:
    given = ["--own-words", "2", *OPTIONS, "--", "make", "--study_trial=7", "--study_trial=7"]

    assert parse_options(given).app == ("make", "--study_trial=7", "--lr=0.1", "--text=a=b, 'c' \"d\" --e")


def test_a_value_without_a_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(HydraVertexError, match=r"--study_trial=8: expected one of 7, 12 \(--preset\)") as caught:
        parse_options([*OPTIONS, "--", "python", "train.py", "--study_trial=8"])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["x", "x=1", "=1=[]", "x==[]", "x=1=[1]", "x=1={}", "x=1=["])
def test_a_preset_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--preset: expected ID=VALUE=JSON"):
        parse_options([f"--preset={text}", "--", "python", "train.py"])
