"""What signals mean for a process."""

from __future__ import annotations

import signal

import pytest

from hydra_vertex.protocol.signals import (
    FAULTS,
    STOPPING,
    death,
    exit_code_of,
    is_told_to_stop,
    likely_cause,
    signal_name,
)


@pytest.mark.parametrize(("returncode", "exit_code"), [(0, 0), (3, 3), (-9, 137), (-15, 143)])
def test_a_death_by_signal_has_an_exit_code_as_in_a_shell(returncode: int, exit_code: int) -> None:
    assert exit_code_of(returncode) == exit_code


@pytest.mark.parametrize(("exit_code", "told"), [(143, True), (130, True), (137, False), (15, False), (0, False)])
def test_an_exit_code_says_who_was_told_to_stop(exit_code: int, told: bool) -> None:
    assert is_told_to_stop(exit_code) is told


@pytest.mark.parametrize(
    ("number", "told", "words"),
    [
        (9, None, "the app was killed by signal 9 (SIGKILL); a container that ran out of memory ends like this"),
        (10, None, "the app was killed by signal 10 (SIGUSR1)"),
        (15, 15, "the app was ended by signal 15 (SIGTERM), which told it to stop"),
        (9, 15, "the app was killed by signal 9 (SIGKILL) after signal 15 (SIGTERM) had told it to stop"),
    ],
)
def test_a_death_is_told_in_words(number: int, told: int | None, words: str) -> None:
    assert death(number, told) == words


def test_a_signal_without_a_name_keeps_its_number() -> None:
    assert signal_name(signal.SIGRTMIN + 1) == f"signal {signal.SIGRTMIN + 1:d}"


def test_the_sentence_names_who_died_as_its_caller_calls_it() -> None:
    assert death(signal.SIGUSR1, None, "the trial") == "the trial was killed by signal 10 (SIGUSR1)"


def test_a_signal_by_which_a_person_stops_a_process_has_no_other_cause() -> None:
    assert {number for number in STOPPING if likely_cause(number)} == set()
    assert not STOPPING & FAULTS
