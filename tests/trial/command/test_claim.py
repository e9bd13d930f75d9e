"""Which processes below a wrapper are the trial."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.trial.command.claim import claim, is_claimed

TORCHRUN = {"WORLD_SIZE": "2", "MASTER_PORT": "29500", "TORCHELASTIC_RESTART_COUNT": "0"}


def test_only_the_first_app_is_the_trial(tmp_path: Path) -> None:
    assert not is_claimed(tmp_path)
    assert [claim(tmp_path, {}) for _ in range(3)] == [True, False, False]
    assert is_claimed(tmp_path)


def test_each_rank_of_the_first_distributed_run_is_the_trial(tmp_path: Path) -> None:
    ranks = [TORCHRUN | {"RANK": rank} for rank in ("1", "0")]
    assert [claim(tmp_path, rank) for rank in ranks] == [True, True]
    assert [claim(tmp_path, rank) for rank in ranks] == [False, False]
    assert not claim(tmp_path, {})
    assert not claim(tmp_path, TORCHRUN | {"RANK": "2", "MASTER_PORT": "29501"})


def test_a_rank_that_its_launcher_has_restarted_is_the_trial_again(tmp_path: Path) -> None:
    assert claim(tmp_path, TORCHRUN | {"RANK": "0"})
    assert claim(tmp_path, TORCHRUN | {"RANK": "0", "TORCHELASTIC_RESTART_COUNT": "1"})


def test_no_rank_joins_a_run_of_one_process(tmp_path: Path) -> None:
    assert claim(tmp_path, {})
    assert not claim(tmp_path, TORCHRUN | {"RANK": "1"})
