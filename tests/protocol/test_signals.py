"""Stop signals, exit codes of killed processes, and messages about them."""

from __future__ import annotations

import signal

import pytest

from hydra_vertex.protocol.signals import (
    FAULTS,
    STOPPING,
    exit_code_of,
    is_stop_exit_code,
    kill_message,
    likely_cause,
    signal_name,
)


@pytest.mark.parametrize(("returncode", "exit_code"), [(0, 0), (3, 3), (-9, 137), (-15, 143)])
def test_the_exit_code_of_a_killed_process_is_that_of_a_shell(returncode: int, exit_code: int) -> None:
    assert exit_code_of(returncode) == exit_code


@pytest.mark.parametrize(("exit_code", "expected"), [(143, True), (130, True), (137, False), (15, False), (0, False)])
def test_the_exit_code_of_a_process_that_a_stop_signal_ended_is_recognised(exit_code: int, expected: bool) -> None:
    assert is_stop_exit_code(exit_code) is expected


@pytest.mark.parametrize(
    ("number", "stop_signal", "message"),
    [
        (9, None, "the app was killed by signal 9 (SIGKILL); a container that ran out of memory ends like this"),
        (10, None, "the app was killed by signal 10 (SIGUSR1)"),
        (15, 15, "the app was ended by signal 15 (SIGTERM), which told it to stop"),
        (9, 15, "the app was killed by signal 9 (SIGKILL) after signal 15 (SIGTERM) had told it to stop"),
    ],
)
def test_the_message_about_a_killed_process(number: int, stop_signal: int | None, message: str) -> None:
    assert kill_message(number, stop_signal) == message


def test_a_signal_without_a_name_is_shown_by_its_number() -> None:
    assert signal_name(signal.SIGRTMIN + 1) == f"signal {signal.SIGRTMIN + 1:d}"


def test_the_message_about_a_killed_process_names_the_given_subject() -> None:
    assert kill_message(signal.SIGUSR1, None, "the trial") == "the trial was killed by signal 10 (SIGUSR1)"


def test_a_stop_signal_has_no_likely_cause_and_is_not_a_fault() -> None:
    assert {number for number in STOPPING if likely_cause(number)} == set()
    assert not STOPPING & FAULTS
