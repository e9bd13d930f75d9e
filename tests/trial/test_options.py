"""Conversion of hydra-trial's own options to arguments and back."""

from __future__ import annotations

from hydra_vertex.trial.option_parser import parse_options
from hydra_vertex.trial.options import Options


def test_options_are_the_same_after_a_relaunch() -> None:
    own = "--metric -m --monitor v --monitor w --alias lr=o.lr --sweep lr=1,2 --resume-key k --hold-on-failure 2.5"
    assert_unchanged(parse_options([*own.split(), "--explain", "--json", "x", "--", "a"]))


def test_the_socket_of_a_launcher_is_the_same_after_a_relaunch() -> None:
    assert_unchanged(parse_options(["--explain", "--socket", "s", "--", "a"]))


def assert_unchanged(options: Options) -> None:
    assert parse_options([*options.to_arguments(), "--", *options.app]) == options
