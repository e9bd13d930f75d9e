"""A trial is one run of the app, whatever `hydra.mode` its config has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

APP = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    print("GOT", config.lr)
    return config.lr


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text(
        "lr: 0.1\nm: MULTIRUN\nhydra: {mode: MULTIRUN, sweeper: {params: {lr: 'choice(1,2)'}}}\n"
    )
    return tmp_path


def trial(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hydra_vertex.trial", "--", "python", "app.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [("--lr=0.5",), ("lr=0.5",), ("--lr=0.5", "hydra.verbose=false")])
def test_a_config_that_asks_for_a_sweep_is_run_once(folder: Path, arguments: tuple[str, ...]) -> None:
    ended = trial(folder, *arguments)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "GOT 0.5\n"
    assert not (folder / "multirun").exists()


@pytest.mark.parametrize("arguments", [("--multirun",), ("hydra.mode=MULTIRUN",)])
def test_a_sweep_that_the_command_line_asks_for_is_made(folder: Path, arguments: tuple[str, ...]) -> None:
    ended = trial(folder, *arguments)

    assert [line for line in ended.stdout.splitlines() if line.startswith("GOT")] == ["GOT 1", "GOT 2"]
