"""The live page beside the commands, and what is left of a run that was killed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from hydra_vertex.cli.commands.page_options import page_beside, wants_page
from hydra_vertex.cli.main import build_parser, main
from hydra_vertex.launcher.live_page.pages import OnePage
from launcher.live_page.study import ProblemRenderer, StudyInMemory, client
from pipelines.apps import environment
from service.harness import Client, job_document, kill_service, release, serving, started, wait_until

COMMANDS = {
    "run": ["run", "--search", "x.yaml"],
    "serve": ["serve"],
    "watch": ["watch", "projects/p/locations/europe-west4/hyperparameterTuningJobs/1"],
}


@contextmanager
def running(*arguments: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a command with its page. Yields the process and the page's link."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hydra_vertex.cli.main", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stderr is not None
    try:
        link = next(found[1] for line in process.stderr if (found := re.match(r"live page: (\S+)", line)))
        yield process, link
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def get(link: str) -> str:
    """Return the document of a link."""
    return httpx.get(link, trust_env=False, timeout=30).raise_for_status().text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "in_terminal", "elsewhere"),
    [([], True, False), (["--page"], True, True), (["--no-page"], False, False), (["--open"], True, True)],
    ids=str,
)
def test_a_terminal_has_the_page_and_the_options_say_otherwise(
    command: str, options: list[str], in_terminal: bool, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = build_parser().parse_args([*COMMANDS[command], *options])
    for is_terminal, expected in ((True, in_terminal), (False, elsewhere)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda found=is_terminal: found)
        assert wants_page(arguments) is expected


@pytest.mark.parametrize("command", COMMANDS)
def test_options_that_contradict_each_other_are_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    app = ["--", "python", "train.py"] if command == "run" else []
    assert main([*COMMANDS[command], "--open", "--no-page", *app]) == 2
    assert "--open opens the page that --no-page leaves out" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--page", "--open"])
def test_a_run_in_containers_has_no_page(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--search", "x.yaml", "--runner", "docker", "--image", "i", option, "--", "python", "train.py"]
    assert main(words) == 2
    assert f"{option}: with --runner docker" in capsys.readouterr().err


def test_watch_serves_the_page_of_a_job_until_it_ends(tmp_path: Path) -> None:
    with serving(tmp_path / "studies") as service:
        url = str(service.http.base_url).removesuffix("/v1/")
        name = service.create(job_document(tmp_path / "app", "measure-then-gated"))
        wait_until(lambda: started(tmp_path / "app") == ["1"])
        with running("watch", name, "--endpoint", url, "--page", folder=tmp_path) as (process, link):
            assert 'data-stop="1"' in get(link)
            token = link.partition("?page=")[2]
            stop = link.partition("?")[0] + "stop-trial"
            headers = {"x-hydra-vertex-token": token}
            wait_until(lambda: bool(service.get(name)["trials"][0].get("measurements")))
            answer = httpx.post(stop, params={"trial": "1", "of": name}, headers=headers, trust_env=False)
            assert answer.json()["message"].startswith("Trial 1 is being stopped")
            process.wait(60)
        assert process.returncode == 0
        assert service.get(name)["trials"][0]["stoppingReason"] == "stopped by the user"
        with pytest.raises(httpx.ConnectError):
            get(link)


def test_serve_has_a_list_of_its_studies_with_the_page_of_each(tmp_path: Path) -> None:
    with running("serve", "--port", "0", "--dir", "studies", "--page", folder=tmp_path) as (process, link):
        assert "no study yet" in get(link)
        url = re.search(r'"url": ?"([^"]+)"', (tmp_path / "studies/service.json").read_text())
        assert url is not None
        with Client(url[1], tmp_path / "studies", process.pid) as service:
            name = service.create(job_document(tmp_path / "app", "gated", displayName="<b>one</b>"))
            wait_until(lambda: started(tmp_path / "app") == ["1"])
            listed = get(link)
            assert "&lt;b&gt;one&lt;/b&gt;" in listed
            page = re.search(r'href="(/job[^"]+)"', listed)
            assert page is not None
            assert 'data-stop="1"' in get(link.partition("/?")[0] + page[1].replace("&amp;", "&"))
            release(tmp_path / "app", "1")
            service.finished(name)


PAGES = lambda: lambda _: OnePage(StudyInMemory(), lambda *_: ProblemRenderer())  # noqa: E731 - one expression


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that is the user's browser. It is empty."""
    script = tmp_path / "browser"
    script.touch(0o755)
    monkeypatch.setenv("BROWSER", f"{script} %s")
    monkeypatch.setattr("webbrowser._tryorder", None)
    return script


def test_a_browser_that_ends_with_its_window_does_not_delay_the_command(browser: Path, tmp_path: Path) -> None:
    wait = f"for i in $(seq 100); do [ -e {tmp_path}/closed ] && break; sleep 0.1; done"
    browser.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\n{wait}\ntouch {tmp_path}/ended\n")
    with page_beside(PAGES, "the command", opens=True):
        wait_until((tmp_path / "begun").exists)
        assert not (tmp_path / "ended").exists()
        (tmp_path / "closed").touch()
        wait_until((tmp_path / "ended").exists)


def test_a_page_is_served_also_where_no_file_for_the_browser_can_be_written(
    browser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    browser.write_text("#!/bin/sh\n")
    for opens in (False, True):
        with page_beside(PAGES, "the command", opens=opens) as server:
            assert server is not None
            with client(server) as http:
                assert http.get("/").status_code == 200
    assert "open the link yourself" in capsys.readouterr().err


def test_the_browser_gets_a_private_file_and_no_token_in_its_command_line(
    browser: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = tmp_path / "seen"
    browser.write_text(
        f'#!/bin/sh\nfile="${{1#file://}}"\nstat -c %a "$(dirname "$file")" > {seen}\ncat "$file" >> {seen}\n'
    )
    with page_beside(PAGES, "the command", opens=True) as server:
        assert server is not None
        with client(server) as http:
            assert http.get("/").status_code == 200
        wait_until(seen.exists)
        mode, document = seen.read_text().split("\n", 1)
    assert mode == "700"
    assert server.url in document
    assert f"live page: {server.url}" in capsys.readouterr().err


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The folder of a run that was killed after one of its two trials, without a job.json."""
    folder = tmp_path / "run"
    with serving(folder / "studies") as service:
        service.create(job_document(tmp_path / "app", "gated", trials=2, displayName="killed"))
        wait_until(lambda: started(tmp_path / "app") == ["1"])
        release(tmp_path / "app", "1")
        wait_until(lambda: started(tmp_path / "app") == ["1", "2"])
        kill_service(service)
    return folder


def test_a_killed_run_has_its_report_and_its_state(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = killed.parent / "report.html"
    assert main(["report", str(killed), "-o", str(report)]) == 0
    assert "killed" in report.read_text()
    assert "no command that runs the best trial again" in capsys.readouterr().err  # its program is no Hydra app
    assert main(["status", str(killed)]) == 0
    shown = capsys.readouterr().out
    assert "1 SUCCEEDED, 1 ACTIVE" in shown
    assert "service.db" in shown


def test_an_older_job_document_of_a_killed_run_is_not_preferred(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hydra_vertex.job import JobState, save_job
    from launcher.jobs import make_job

    save_job(make_job((), state=JobState.RUNNING), killed / "job.json")
    assert main(["status", str(killed)]) == 0
    assert "1 SUCCEEDED, 1 ACTIVE" in capsys.readouterr().out


def test_a_folder_without_a_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "studies").mkdir()
    assert main(["report", str(tmp_path)]) == 2
    (tmp_path / "studies/service.db").write_bytes(b"not a database" * 100)
    assert main(["report", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert "without job.json" in errors
    assert "service.db" in errors
    assert "Traceback" not in errors
