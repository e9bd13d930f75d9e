"""A study with secrets in its command line, config, search file and logs: no result or output contains them."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from launcher.report.page_logs import page_logs
from pipelines.apps import CONFIG, SEARCH, Ended, Project, environment, make_project

SECRETS = {
    "WANDB_API_KEY": "S3CRET-wandb-0123456789",
    "DB_URL": "postgresql://user:S3CRET-in-url@db/x",
    "DB_PASSWORD": "S3CRET plain 'quoted'",
    "EXTRA_HEADERS": "{Authorization: 'Bearer S3CRET-bearer'}",
    "LOGGERS": "[{name: a, token: S3CRET-in-list}]",
    "SERVICE_TOKEN": "S3CRET-fixed-in-search",
}
OVERRIDES = {
    "wandb.api_key": SECRETS["WANDB_API_KEY"],
    "db.url": f'"{SECRETS["DB_URL"]}"',
    "db.password": '"' + SECRETS["DB_PASSWORD"] + '"',
    "+extra.headers": SECRETS["EXTRA_HEADERS"],
    "loggers": SECRETS["LOGGERS"],
}
ENVIRONMENT_SECRET = "S3CRET-of-the-environment"  # noqa: S105 - made up
APP_COMMAND = ("--", "python", "app.py", *(f"{key}={value}" for key, value in OVERRIDES.items()))
# Every secret contains S3CRET, so that a leak can be found by this word.
LEAK = re.compile("S3CRET", re.IGNORECASE)

APP = """
import json, os
from pathlib import Path

import hydra
from omegaconf import OmegaConf

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    resolved = OmegaConf.to_container(config, resolve=True)
    # Many libraries log their settings. Only trials do here: the output of the retraining is not masked.
    if os.environ.get("CLOUD_ML_TRIAL_ID"):
        print("settings", json.dumps(resolved), "and", os.environ["MONITORING_PASSWORD"])
    if folder := os.environ.get("AIP_MODEL_DIR"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, "config.json").write_text(json.dumps(resolved))
    if config.depth == 2:
        raise ValueError(f"cannot connect to {config.db.url} with {config.db.password}")
    return config.lr

if __name__ == "__main__":
    main()
"""
PARAMS = """
      lr: interval(0.1, 1)
      depth: range(1, 3)
      service_token: S3CRET-fixed-in-search
"""


@dataclass(frozen=True)
class Finished:
    project: Project
    ended: Ended

    @property
    def out(self) -> Path:
        return self.project.path / "out"

    def hydra_vertex(self, *arguments: str) -> Ended:
        ended = self.project.hydra_vertex(*arguments)
        assert ended.code == 0, ended.stderr
        require_none(ended.stdout, ended.stderr)
        return ended


def require_none(*texts: str) -> None:
    for text in texts:
        found = LEAK.search(text)
        assert found is None, text[max(0, found.start() - 100) : found.end() + 50]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    os.environ["MONITORING_PASSWORD"] = ENVIRONMENT_SECRET
    try:
        project = make_project(tmp_path_factory.mktemp("project"))
        project.write("app.py", APP)
        project.write("search.yaml", SEARCH[: SEARCH.index("      lr:")] + PARAMS)
        more = "wandb: {api_key: '${oc.env:WANDB_API_KEY,null}', project: p}\ndb: {url: sqlite, password: null}\n"
        project.write("conf/config.yaml", f"{CONFIG}{more}loggers: []\nservice_token: ''\n")
        options = ("--search", "search.yaml", "--trials", "6", "--out", "out")
        yield Finished(project, project.hydra_vertex("run", *options, *APP_COMMAND))
    finally:
        del os.environ["MONITORING_PASSWORD"]


def test_a_run_prints_no_secret_and_reports_that_its_files_are_private(finished: Finished) -> None:
    assert finished.ended.code == 0, finished.ended.stderr
    require_none(finished.ended.stdout, finished.ended.stderr)
    assert "wandb.api_key=***" in finished.ended.stderr
    assert "only you can read its files, also the app's" in finished.ended.stderr
    assert "INFEASIBLE" in finished.ended.stderr


def test_the_results_to_be_shared_have_no_secret(finished: Finished) -> None:
    for name in ("best.yaml", "report.html", "overrides.txt", "config/experiment/best.yaml"):
        require_none((finished.out / name).read_text())
    page = (finished.out / "report.html").read_text()
    logs = page_logs(page)["ends"]
    require_none(*logs.values())
    assert len(logs) == 6
    assert "cannot connect to " in page
    assert "postgresql://user:***@db/x" in page


def test_files_with_secrets_are_private_and_the_retraining_gets_the_secrets(finished: Finished) -> None:
    for name in ("plan.json", "job.json"):
        assert LEAK.search((finished.out / name).read_text())
    for path in finished.out.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and path.name not in {"out"}:
            assert stat.S_IMODE(mode) & 0o077 == 0, path
    trained = json.loads((finished.out / "model/config.json").read_text())
    assert trained["db"] == {"url": SECRETS["DB_URL"], "password": SECRETS["DB_PASSWORD"]}
    assert trained["service_token"] == SECRETS["SERVICE_TOKEN"]


def test_the_experiment_file_has_the_reference_of_the_app_or_a_gap_with_an_instruction(finished: Finished) -> None:
    finished.hydra_vertex("best", str(finished.out / "job.json"), "-o", "whole.yaml", "--with-command")
    text = (finished.project.path / "whole.yaml").read_text()

    assert "api_key: ${oc.env:WANDB_API_KEY,null}" in text
    # The app has defaults for these keys, which ??? would not override.
    assert "password: ${oc.env:DB_PASSWORD}" in text
    assert "url: ${oc.env:DB_URL}" in text
    assert "service_token: ${oc.env:SERVICE_TOKEN}" in text
    assert "  token: ???" in text
    assert "Authorization: ???" in text
    assert "# FILL IN the value of db.password, a secret" in text
    assert "# NOTE" not in text


def test_the_experiment_file_of_a_run_has_the_secret_of_the_study_alone(finished: Finished) -> None:
    text = (finished.out / "best.yaml").read_text()

    assert "service_token: ${oc.env:SERVICE_TOKEN}" in text
    assert "password" not in text
    assert "url" not in text


def test_the_printed_command_runs_the_best_config_with_the_secrets_in_shell_variables(finished: Finished) -> None:
    command = finished.ended.stdout.split("To run the best config again:\n  ")[1].strip()
    assert "experiment=best" in command
    assert "# the secrets are in " in command
    assert 'db.password="$DB_PASSWORD"' in command
    # An override cannot set a single item of a list, so the whole list is given.
    loggers = f"loggers={SECRETS['LOGGERS']}"
    command = command.replace("  # the", f" '{loggers}'  # the").replace("python", sys.executable, 1)
    quoted = {**SECRETS, "DB_URL": f'"{SECRETS["DB_URL"]}"', "DB_PASSWORD": f'"{SECRETS["DB_PASSWORD"]}"'}
    quoted["EXTRA_HEADERS_AUTHORIZATION"] = "'Bearer S3CRET-bearer'"
    environ = {**environment(), **quoted, "AIP_MODEL_DIR": str(finished.project.path / "again")}

    ended = subprocess.run(
        ["bash", "-c", command], cwd=finished.project.path, env=environ, capture_output=True, text=True, check=False
    )

    unfilled = subprocess.run(
        [sys.executable, "app.py", "--config-dir", str(finished.out / "config"), "experiment=best"],
        cwd=finished.project.path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert unfilled.returncode != 0
    assert ended.returncode == 0, ended.stderr
    assert json.loads((finished.project.path / "again/config.json").read_text()) == json.loads(
        (finished.out / "model/config.json").read_text()
    )


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_best_check_and_report_print_and_write_no_secret(finished: Finished, as_json: tuple[str, ...]) -> None:
    job = str(finished.out / "job.json")

    best = finished.hydra_vertex("best", job, "-o", "experiment/best.yaml", *as_json)
    other = finished.hydra_vertex("best", job, "-o", "b.yaml", "--overrides", "o.txt", *as_json, *APP_COMMAND)
    finished.hydra_vertex("report", job, "-o", "r.html", *as_json)
    finished.hydra_vertex("check", "--search", "search.yaml", *as_json, *APP_COMMAND)

    for name in ("experiment/best.yaml", "b.yaml", "r.html", "o.txt"):
        require_none((finished.project.path / name).read_text())
    assert "db.password" in best.stdout
    assert "***" in best.stdout
    assert other.stdout


def test_an_error_message_has_no_secret(finished: Finished) -> None:
    wrong = (*APP_COMMAND, "db.passwort=S3CRET-mistyped", "--token", "S3CRET-behind-a-space")
    for arguments in (
        ("check", "--search", "search.yaml", *wrong),
        ("check", "--search", "search.yaml", "--name=a\nS3CRET-no", "--", "x"),
    ):
        ended = finished.project.hydra_vertex(*arguments)
        assert ended.code == 2
        require_none(ended.stderr.replace("S3CRET-mistyped", "").replace("S3CRET-no", ""))


def test_without_secrets_only_the_files_of_the_app_have_the_permissions_of_the_umask(finished: Finished) -> None:
    options = ("--search", "plain.yaml", "--trials", "1", "--parallel", "1", "--out", "plain")
    search = (finished.project.path / "search.yaml").read_text()
    finished.project.write("plain.yaml", search.replace("      service_token: S3CRET-fixed-in-search\n", ""))
    ended = finished.project.hydra_vertex(
        "run", "--search", "plain.yaml", *options[2:], "--", "python", "app.py", "depth=1"
    )

    assert "only you can read" not in ended.stderr
    plain = finished.project.path / "plain"
    assert stat.S_IMODE((plain / "plan.json").stat().st_mode) == 0o600
    assert all(path.stat().st_mode & 0o044 for path in plain.rglob("metrics.jsonl"))
