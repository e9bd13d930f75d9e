"""Distributed launchers as the program that starts the app. Needs torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trial.apps import hydra_trial, write_app

RANKED = """
import os, sys, hydra
@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(cfg):
    sys.stdout.write(f"rank {os.environ['RANK']} {' '.join(sys.argv[1:])}\\n")
    return cfg.lr
main()
"""


@pytest.mark.parametrize(
    "words",
    [
        ["torchrun", "--nproc-per-node=2", "train.py"],
        ["torchrun", "--standalone", "--nproc-per-node=2", "-m", "hydra_vertex.trial", "--metric", "x", "train.py"],
        ["python", "-m", "torch.distributed.run", "--nproc-per-node=2", "train.py"],
    ],
)
def test_each_rank_gets_the_parameters_and_the_first_one_reports(tmp_path: Path, words: list[str]) -> None:
    pytest.importorskip("torch")
    write_app(tmp_path, RANKED)
    environ = {"CLOUD_ML_HP_METRIC_FILE": "metrics", "OMP_NUM_THREADS": "1"}
    ended = hydra_trial(tmp_path, "--metric", "loss", "--", *words, "--lr=0.25", "--db=pg", environ=environ)
    assert ended.returncode == 0, ended.stderr
    assert sorted(ended.stdout.splitlines()) == ["rank 0 lr=0.25 db=pg", "rank 1 lr=0.25 db=pg"]
    (record,) = (tmp_path / "metrics").read_text().splitlines()
    assert json.loads(record)["loss"] == "0.25"


def test_a_refusal_below_torchrun_keeps_its_exit_code(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write_app(tmp_path, RANKED)
    ended = hydra_trial(tmp_path, "--", "torchrun", "--nproc-per-node=2", "train.py", "--lr=x")
    assert ended.returncode == 2
    assert "hydra-trial: lr='x': the key is a float" in ended.stderr
