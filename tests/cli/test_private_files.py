"""The modes of everything that a run, a service and the other commands write."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.apps import Project, make_project

APP = ("--", "python", "app.py", "experiment=mine")
SEARCH = ("--search", "search.yaml", "--trials", "2")
OF_THE_APP = {"metrics.jsonl", ".metrics.jsonl.lock", "model.txt"}
"""Files that the app writes itself: with the umask of the user."""


@pytest.fixture(scope="module", autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project"))
    ended = project.hydra_vertex("run", *SEARCH, "--out", "out", *APP)
    assert ended.code == 0, ended.stderr
    return project


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def is_of_the_app(path: Path) -> bool:
    """Whether the process of the app has made it; Hydra's run folder is named hydra."""
    return path.name in OF_THE_APP or "hydra" in path.parts


def test_a_run_is_private_but_for_what_the_app_writes(project: Project) -> None:
    out = project.path / "out"
    paths = [out, *(path for path in out.rglob("*") if not path.is_symlink())]
    names = {path.name for path in paths}
    assert {"service.db", "job.json", "plan.json", "report.html", "best.yaml", "pipeline.json", "log.txt"} <= names
    ours = [path for path in paths if not is_of_the_app(path.relative_to(out))]
    assert {str(path.relative_to(out)): oct(mode(path)) for path in ours if mode(path) & 0o077} == {}
    assert {mode(path) for path in paths if path.name in {"service.db", "job.json", "plan.json", "log.txt"}} == {0o600}


def test_the_app_has_the_umask_of_the_user(project: Project) -> None:
    models = list((project.path / "out").rglob("model.txt"))
    assert len(models) >= 3
    assert {mode(path) for path in models} == {0o644}


def test_the_folder_of_an_older_run_is_made_private_when_the_run_is_continued(project: Project) -> None:
    out = project.path / "out"
    for path in (out, out / "studies", out / "studies/jobs"):
        path.chmod(0o755)
    for path in (out / "plan.json", out / "report.html", out / "studies/service.db"):
        path.chmod(0o644)
    ended = project.hydra_vertex("run", *SEARCH, "--out", "out", *APP)
    assert ended.code == 0, ended.stderr
    assert mode(out) == mode(out / "studies") == mode(out / "studies/jobs") == 0o700
    assert mode(out / "plan.json") == mode(out / "report.html") == mode(out / "studies/service.db") == 0o600


def test_a_report_is_private_and_a_config_for_the_repository_is_not(project: Project) -> None:
    for command in ("best", "report"):
        ended = project.hydra_vertex(command, "out/job.json", "-o", f"conf/{command}.out")
        assert ended.code == 0, ended.stderr
    assert mode(project.path / "conf/best.out") == 0o644
    assert mode(project.path / "conf/report.out") == 0o600
