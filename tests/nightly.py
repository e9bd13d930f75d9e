"""The long tests that run only with EVERY_TEST=1 (`make nightly`): a shorter one of the same kind runs always.

The whole suite takes more than half of what a change may wait for on two CPUs; each of these takes 10 s and more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

_DOCUMENTED_SWEEPS = "tests/cli/sweeper/test_documented_sweeps.py::test_a_command_runs_and_leaves_the_documented_files"

NIGHTLY = (
    "tests/benchmarks/test_kinds.py::test_the_optimiser_is_ahead_of_random_search[",
    "tests/benchmarks/test_kinds.py::test_with_few_trials_the_optimiser_is_not_behind_random_search[Mixed",
    f"{_DOCUMENTED_SWEEPS}[python branin.py -m hydra.sweep.dir=sweeps/branin",
    "tests/cli/test_confirm_options.py::test_the_selected_trial_is_compared_with_the_defaults_also_when_another",
    "tests/cli/test_full_disk.py::test_a_failure_on_a_full_disk_is_reported_with_the_command_to_continue[gather]",
    "tests/cli/test_full_disk.py::test_a_failure_on_a_full_disk_is_reported_with_the_command_to_continue[select]",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the best",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the result",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the service",
    "tests/cli/test_kills.py::test_a_run_that_gets_a_signal_leaves_no_process[1]",
    "tests/cli/test_kills.py::test_the_same_command_run_immediately_first_ends_the_processes_that_are_left[it is",
    "tests/cli/test_model_options.py::test_a_retraining_starts_from_the_best_trials_checkpoint_and_is_compared",
    "tests/cli/test_secrets.py::test_best_check_and_report_print_and_write_no_secret[as_json1]",
    "tests/cli/test_start_from.py::test_a_run_tries_the_best_earlier_trial_and_goes_on_without_the_source",
    "tests/cli/test_study_in_app.py::test_a_file_that_is_given_and_one_that_is_chosen_are_the_same_study",
    "tests/examples/test_examples.py::test_a_model_that_is_not_good_enough_is_not_released",
    "tests/pipelines/test_rehearsal.py::test_the_best_configurations_are_repeated_on_the_service_too",
    "tests/service/trials/engines/process/test_several_workers.py::test_ranks_find_each_other_and_rank_0_reports[light",
    "tests/test_containers.py::test_a_step_that_fails_in_its_container_fails_the_run_with_its_exit_code",
    "tests/test_image.py::test_a_base_with_another_user_and_packages_of_its_own_keeps_them",
)
"""The beginnings of their node ids."""


def for_this_run(items: Iterable[pytest.Item], config: pytest.Config) -> list[pytest.Item]:
    """Return the tests to run. The others are reported as deselected. A test that is named on the command line runs."""
    items = list(items)
    if os.environ.get("EVERY_TEST") or any("::" in argument for argument in config.args):
        return items
    others = [item for item in items if item.nodeid.startswith(NIGHTLY)]
    config.hook.pytest_deselected(items=others)
    return [item for item in items if not item.nodeid.startswith(NIGHTLY)]
