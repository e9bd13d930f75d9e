"""A trial may replace its files by anything: the service does not block or fail, and keeps the other trials."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.measurements.metric_file import measurements_of, read_reports
from hydra_vertex.service.system.untrusted_files import read_end
from hydra_vertex.service.trials.exit_status import read_exit_status
from hydra_vertex.service.trials.log_end import log_tail
from service import obstacles
from service.harness import Client, Document, job_document
from service.obstacles import OBSTACLES


@pytest.mark.parametrize("put", OBSTACLES)
def test_a_path_that_is_no_regular_file_reads_as_missing_and_can_be_removed(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    folder = TrialFolder(tmp_path / "1")
    folder.clear()
    for file in (folder.metric_file, folder.exit_file, folder.log, folder.gpu_file):
        put(file)

    assert read_reports(folder.metric_file) == ()
    assert read_exit_status(folder.exit_file, "t") is None
    assert log_tail(folder) == ""
    assert not folder.read_gpu()
    folder.clear()
    assert not any(os.path.lexists(path) for path in (folder.metric_file, folder.exit_file, folder.log))


def test_the_last_bytes_of_a_very_large_file_are_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, 2)
        file.write(b"end")
    assert read_end(tmp_path / "sparse", 4) == b"\0end"


@pytest.mark.parametrize(
    "line",
    [
        b"x" * (10 << 20),
        b'{"loss": "' + b"9" * (3 << 20) + b'"}',
        b"\x00\xff\xfe" * 1000,
        b"[" * 200_000,
        b'{"loss":' * 100_000,
        b'{"loss": 1e400, "global_step": 1}',
        b'{"loss": NaN}',
        b'{"loss": -Infinity}',
    ],
    ids=lambda line: repr(line[:12]),
)
def test_invalid_lines_do_not_affect_the_others(tmp_path: Path, line: bytes) -> None:
    good = b'{"loss": 0.5, "global_step": 7}'
    (tmp_path / "m").write_bytes(line + b"\n" + good + b"\n")
    found = measurements_of(read_reports(tmp_path / "m"), "loss", 0.0)
    assert [(m.metrics["loss"], m.step_count) for m in found] == [(0.5, 7)]


@pytest.mark.parametrize("step", ["1" + "0" * 400, "1e300", '"-1e30"', "NaN", "-1", str(2**63)])
def test_a_step_that_the_api_cannot_represent_is_read_as_0(tmp_path: Path, step: str) -> None:
    (tmp_path / "m").write_text(f'{{"loss": 0.5, "global_step": {step}, "timestamp": 1e300}}\n')
    (found,) = measurements_of(read_reports(tmp_path / "m"), "loss", 0.0)
    assert (found.step_count, found.elapsed_s) == (0, None)


@pytest.mark.parametrize("content", ["[" * 50_000, '{"code": 1e999}', '{"code": 1' + "0" * 400 + "}"])
def test_an_invalid_exit_json_gives_no_exit_code(tmp_path: Path, content: str) -> None:
    (tmp_path / "exit.json").write_text(content)
    exit_status = read_exit_status(tmp_path / "exit.json", "t")
    assert exit_status is None or exit_status.code is None


def test_a_service_judges_each_trial_that_replaces_its_files_by_obstacles(client: Client, app: Path) -> None:
    document = job_document(app, "obstacles", trials=3 * len(OBSTACLES), parallel=7)
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container["command"] = [sys.executable, "-I", "-S", obstacles.__file__]
    trials = client.run(document)["trials"]
    assert [outcome(trial) for trial in trials] == ["no value", "failed", "succeeded"] * len(OBSTACLES)


def outcome(trial: Document) -> str:
    reason = trial.get("infeasibleReason", "")
    if reason.startswith("exited with code 3"):
        return "failed"
    return "no value" if "reported no value" in reason else f"{trial['state'].lower()}{reason}"
