"""Whether Slurm can run the image of a study is known before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.apps import make_project

APP = ("--", "python", "app.py")
RUN = ("run", "--engine", "slurm", "--search", "search.yaml", "--image", "repo/app:1")


def test_an_image_that_nothing_would_run_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    ended = project.hydra_vertex(*RUN, "--out", str(tmp_path / "out"), *APP)
    assert ended.code == 2
    assert "workerPoolSpecs[0] has the image 'repo/app:1', and Slurm runs no image by itself" in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("setting", ["on_node=true", "container=[run-image, '{image}']"])
def test_a_setting_says_what_becomes_of_the_image(
    tmp_path: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none"))
    project = make_project(tmp_path)
    ended = project.hydra_vertex(*RUN, "--engine-set", setting, "--out", str(tmp_path / "out"), *APP)
    # There is no such cluster, so the engine is the next to refuse.
    assert ended.code == 2
    assert "runs no image" not in ended.stderr
    assert "engine slurm: " in ended.stderr
