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
    "tests/cli/sweeper/test_sweep.py::test_the_same_command_goes_on_with_a_sweep_that_was_stopped",
    "tests/cli/sweeper/test_vertex_sweep.py::test_a_finished_sweep_shows_its_result_again",
    "tests/cli/test_app_environment.py::test_a_whole_run_uses_the_apps_environment[command2]",
    "tests/cli/test_confirm_options.py::test_a_finished_run_is_repeated_later_without_another_study",
    "tests/cli/test_confirm_options.py::test_the_selected_trial_is_compared_with_the_defaults_also_when_another",
    "tests/cli/test_full_disk.py::test_a_failure_on_a_full_disk_is_reported_with_the_command_to_continue[gather]",
    "tests/cli/test_full_disk.py::test_a_failure_on_a_full_disk_is_reported_with_the_command_to_continue[retrain]",
    "tests/cli/test_full_disk.py::test_a_failure_on_a_full_disk_is_reported_with_the_command_to_continue[select]",
    "tests/cli/test_full_disk.py::test_ctrl_c_on_a_full_disk_ends_the_run_and_the_same_command_continues_it",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[it is retrained",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the app is",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the best",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the result",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the service",
    "tests/cli/test_kills.py::test_a_killed_run_leaves_no_process_and_is_continued_by_the_same_command[the tuning step",
    "tests/cli/test_kills.py::test_a_run_that_gets_a_signal_leaves_no_process[1]",
    "tests/cli/test_kills.py::test_the_next_run_ends_the_processes_of_a_run_whose_guard_was_killed",
    "tests/cli/test_kills.py::test_the_same_command_run_immediately_first_ends_the_processes_that_are_left[it is",
    "tests/cli/test_known_study.py::test_a_seed_that_was_written_down_gives_the_same_study_and_a_new_one_another",
    "tests/cli/test_known_study.py::test_a_study_begins_with_the_app_s_own_config_and_goes_on_with_more_trials",
    "tests/cli/test_model_options.py::test_a_retraining_starts_from_the_best_trials_checkpoint_and_is_compared",
    "tests/cli/test_private_files.py::test_the_folder_of_an_older_run_is_made_private_when_the_run_is_continued",
    "tests/cli/test_run.py::test_more_trials_go_on_with_the_finished_ones_and_fewer_only_select_again",
    "tests/cli/test_run.py::test_nothing_is_retrained_when_no_trial_reaches_the_threshold[options2-0]",
    "tests/cli/test_secrets.py::test_best_check_and_report_print_and_write_no_secret[as_json1]",
    "tests/cli/test_secrets.py::test_without_secrets_only_the_files_of_the_app_have_the_permissions_of_the_umask",
    "tests/cli/test_several_objectives.py::test_a_run_selects_by_the_preferred_objective_and_so_do_the_commands",
    "tests/cli/test_slurm_images.py::test_a_setting_says_what_becomes_of_the_image[container",
    "tests/cli/test_start_from.py::test_a_run_tries_the_best_earlier_trial_and_goes_on_without_the_source",
    "tests/cli/test_study_in_app.py::test_a_file_that_is_given_and_one_that_is_chosen_are_the_same_study",
    "tests/cli/test_study_in_app.py::test_plain_hydra_runs_the_best_config_once",
    "tests/examples/test_examples.py::test_a_model_that_is_not_good_enough_is_not_released",
    "tests/examples/test_examples.py::test_an_app_like_lightning_hydra_template_is_tuned",
    "tests/examples/test_examples.py::test_data_preparation_feeds_the_trials_and_the_retraining",
    "tests/launcher/steps/test_confirm.py::test_a_cancelled_step_cancels_the_repeats_and_only_another_run_replaces",
    "tests/launcher/steps/test_confirm.py::test_repeats_that_all_fail_end_the_step_and_everything_measured_is_kept",
    "tests/pipelines/test_rehearsal.py::test_the_best_configurations_are_repeated_on_the_service_too",
    "tests/pipelines/test_rehearsal.py::test_the_steps_of_a_pipeline_send_the_token_that_the_service_requires",
    "tests/pipelines/test_within_pipelines.py::test_a_failed_study_ends_in_the_exit_handler",
    "tests/service/trials/engines/process/test_several_workers.py::test_ranks_find_each_other_and_rank_0_reports[light",
    "tests/test_containers.py::test_a_step_that_fails_in_its_container_fails_the_run_with_its_exit_code",
    "tests/test_containers.py::test_ctrl_c_ends_the_containers_and_the_same_command_goes_on",
    "tests/test_image.py::test_a_base_with_another_user_and_packages_of_its_own_keeps_them",
    f"{_DOCUMENTED_SWEEPS}[python branin.py -m hydra.sweep.dir=sweeps/branin",
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
