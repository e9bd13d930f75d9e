"""The records of a metric file on stdout, for every writer of the file."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from hydra_vertex.protocol.metric_stream import MARKER, REPEATED, find_record, streamed_line
from hydra_vertex.trial.reporting.metric_stream import MetricStream, NewRecords, take_stream

NONCE = "c0ffee"
LIMIT_S = 60
REPORT = """
    import time
    import hydra
    from hydra_vertex.trial import report

    @hydra.main(version_base=None)
    def main(cfg):
        print("begin", end=" ", flush=True)
        for step in range(3):
            report("loss", 3.0 - step, step)
        print("end", flush=True)
        return 0.5

    main()
    """
HYPERTUNE = """
    import hydra
    import hypertune

    @hydra.main(version_base=None)
    def main(cfg):
        tuner = hypertune.HyperTune()
        for step in range(150):
            tuner.report_hyperparameter_tuning_metric("loss", float(step), global_step=step)
        return 150.0

    main()
    """
SHELL = """
    i=0
    while [ $i -lt 5 ]; do
      echo "{\\"loss\\": \\"$i\\", \\"global_step\\": \\"$i\\"}" >> "$CLOUD_ML_HP_METRIC_FILE"
      i=$((i + 1))
    done
    """
SLEEP = """
    import os
    import sys
    import time
    import hydra
    from hydra_vertex.trial import report

    @hydra.main(version_base=None)
    def main(cfg):
        report("loss", 1.0, 1)
        print("pid", os.getpid(), flush=True)
        time.sleep(600)

    main()
    """


def environment(folder: Path, **more: str) -> dict[str, str]:
    own = {"CLOUD_ML_TRIAL_ID": "1", "CLOUD_ML_HP_METRIC_FILE": str(folder / "metrics"), MARKER: NONCE}
    return {**os.environ, **own, **more}


def start(folder: Path, app: str, *words: str, **more: str) -> subprocess.Popen[bytes]:
    (folder / "app.py").write_text(dedent(app))
    (folder / "app.sh").write_text(dedent(app))
    command = [sys.executable, "-m", "hydra_vertex.trial", *(words or ("--", sys.executable, "app.py"))]
    return subprocess.Popen(command, cwd=folder, env=environment(folder, **more), stdout=subprocess.PIPE)


def records(output: bytes) -> dict[int, Mapping[str, str]]:
    """Return the records by number; a repetition must be equal."""
    found: dict[int, Mapping[str, str]] = {}
    for line in output.splitlines():
        record = find_record(line, NONCE)
        if record is not None:
            content = json.loads(record.record)
            assert found.setdefault(record.number, content) == content
    return found


def losses(output: bytes) -> list[float]:
    return [float(record["loss"]) for _, record in sorted(records(output).items())]


@pytest.mark.parametrize(
    ("app", "expected"),
    [(REPORT, [3.0, 2.0, 1.0, 0.5]), (HYPERTUNE, [float(step) for step in range(151)])],
    ids=["report", "hypertune"],
)
def test_what_an_app_reports_is_on_stdout(tmp_path: Path, app: str, expected: list[float]) -> None:
    output, _ = start(tmp_path, app, "--metric", "loss", "--", sys.executable, "app.py").communicate(timeout=LIMIT_S)
    assert losses(output) == expected
    assert sorted(records(output)) == list(range(1, len(expected) + 1))


def test_the_apps_own_output_is_unchanged_between_the_records(tmp_path: Path) -> None:
    output, _ = start(tmp_path, REPORT).communicate(timeout=LIMIT_S)
    own = b"".join(
        line + b"\n" if (record := find_record(line, NONCE)) is None else record.before for line in output.splitlines()
    )
    assert own == b"begin end\n"


def test_another_program_below_hydra_trial_is_covered(tmp_path: Path) -> None:
    process = start(tmp_path, SHELL, "--untyped", "--", "sh", "app.sh")
    output, _ = process.communicate(timeout=LIMIT_S)
    assert losses(output) == [0, 1, 2, 3, 4]
    assert process.returncode == 0


def test_the_app_does_not_see_the_nonce(tmp_path: Path) -> None:
    script = f"printenv {MARKER}; echo answer $?"
    output, _ = start(tmp_path, script, "--untyped", "--", "sh", "app.sh").communicate(timeout=LIMIT_S)
    assert output == b"answer 1\n"


@pytest.mark.parametrize(
    "environ", [{MARKER: ""}, {"RANK": "1"}, {"CLUSTER_SPEC": '{"task": {"type": "workerpool1"}}'}]
)
def test_without_a_request_or_in_another_rank_nothing_is_copied(tmp_path: Path, environ: dict[str, str]) -> None:
    output, _ = start(tmp_path, REPORT, **environ).communicate(timeout=LIMIT_S)
    assert output == b"begin end\n"


def test_a_stopped_app_ends_as_without_the_copy_and_its_records_are_there(tmp_path: Path) -> None:
    process = start(tmp_path, SLEEP)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while b"pid" not in lines[-1]:
        lines.append(process.stdout.readline())
    process.terminate()
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert losses(b"".join(lines) + output) == [1.0]


def test_an_app_does_not_outlive_a_killed_hydra_trial(tmp_path: Path) -> None:
    process = start(tmp_path, SLEEP)
    assert process.stdout is not None
    while b"pid " not in process.stdout.readline():
        pass
    process.kill()
    process.communicate(timeout=LIMIT_S / 2)  # until the app, which sleeps for longer, has closed it by its end


def test_the_newest_records_are_repeated_at_the_end(tmp_path: Path) -> None:
    file, reader, writer = tmp_path / "m", *os.pipe()
    count = REPEATED + 10
    file.write_text("".join(f'{{"loss": "{i}"}}\n' for i in range(count)))
    stream = MetricStream(file, NONCE, writer)
    stream.start()
    with os.fdopen(reader, "rb") as lines:
        first = [lines.readline() for _ in range(count)]
        stream.finish()
        os.close(writer)
        rest = lines.readlines()
    assert first[0] == streamed_line(NONCE, 1, b'{"loss": "0"}')
    assert rest == first[10:]


def test_a_pipe_that_the_app_has_made_non_blocking_loses_no_record(tmp_path: Path) -> None:
    file = tmp_path / "metrics"
    record = b'{"timestamp": 1.5, "trial": "1", "loss": "%d", "global_step": "%d"}'
    file.write_bytes(b"".join(record % (i, i) + b"\n" for i in range(1, REPEATED + 1)))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    stream = MetricStream(file, NONCE, writer)
    stream.start()

    def finish() -> None:
        stream.finish()
        os.close(writer)

    finisher = threading.Thread(target=finish)
    finisher.start()
    with os.fdopen(reader, "rb") as opened:
        lines = opened.readlines()
    finisher.join()
    numbers = [found.number for line in lines if (found := find_record(line.rstrip(b"\n"), NONCE))]
    assert numbers == [*range(1, REPEATED + 1)] * 2


def test_a_closed_stdout_is_no_failure(tmp_path: Path) -> None:
    file, reader, writer = tmp_path / "m", *os.pipe()
    file.write_text('{"loss": "1"}\n')
    os.close(reader)
    stream = MetricStream(file, NONCE, writer)
    stream.start()
    stream.finish()
    os.close(writer)


class TestNewRecords:
    def test_lines_that_are_added_are_found_once(self, tmp_path: Path) -> None:
        file = tmp_path / "m"
        records = NewRecords(file)
        assert list(records.read(is_last=False)) == []
        found: list[bytes] = []
        for step in range(5):
            with file.open("a") as opened:
                opened.write(f'{{"loss": "{step}"}}   \n')
            found += records.read(is_last=False)
            found += records.read(is_last=False)
        assert found == [f'{{"loss": "{step}"}}'.encode() for step in range(5)]

    def test_a_file_that_is_rewritten_with_its_last_lines_brings_each_once(self, tmp_path: Path) -> None:
        file = tmp_path / "m"
        records = NewRecords(file)
        found: list[bytes] = []
        lines = [f'{{"loss": "{step}"}}\n' for step in range(30)]
        for end in range(1, 31):
            file.write_text("".join(lines[max(0, end - 10) : end]))
            found += records.read(is_last=False)
        assert found == [line.strip().encode() for line in lines]

    def test_a_file_that_is_found_half_rewritten_brings_no_record_twice(self, tmp_path: Path) -> None:
        file = tmp_path / "m"
        records, lines = NewRecords(file), [f'{{"loss": "{step}"}}\n' for step in range(10)]
        file.write_text("".join(lines[:8]))
        found = list(records.read(is_last=False))
        for content in ("", "".join(lines[2:5]), "".join(lines[2:8]) + lines[8][:4], "".join(lines[2:])):
            file.write_text(content)
            found += records.read(is_last=False)
        assert found == [line.strip().encode() for line in lines]

    def test_an_unfinished_line_is_a_record_only_at_the_end(self, tmp_path: Path) -> None:
        file = tmp_path / "m"
        records = NewRecords(file)
        file.write_text('{"loss": "1"}\n{"loss": "2"}')
        assert list(records.read(is_last=False)) == [b'{"loss": "1"}']
        assert list(records.read(is_last=True)) == [b'{"loss": "2"}']
        assert list(records.read(is_last=True)) == []

    @pytest.mark.parametrize("content", ["\n\n", "text\n", "[1]\n", "{\n", "\0\0\n"])
    def test_what_is_no_record_is_left_out(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "m").write_text(content)
        assert list(NewRecords(tmp_path / "m").read(is_last=True)) == []

    def test_a_folder_in_place_of_the_file_is_empty(self, tmp_path: Path) -> None:
        assert list(NewRecords(tmp_path).read(is_last=True)) == []


def test_the_request_is_taken_out_of_the_environment(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    assert take_stream(environ) is not None
    assert MARKER not in environ
    assert take_stream(environ) is None
    assert take_stream({MARKER: NONCE}) is None
