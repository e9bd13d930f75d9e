"""Writing of the metric file, with real processes, threads and readers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.trial.reporting.metric_file import add_final_value, add_final_values, add_line, add_value
from hydra_vertex.trial.reporting.records import make_line

WRITER = Path(__file__).with_name("metric_writer.py")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "output.metrics"


def records(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def points(file: Path, metric: str) -> list[tuple[str, str]]:
    """Return step and value of each record of a metric."""
    return [(record["global_step"], record[metric]) for record in records(file) if metric in record]


def test_a_value_is_one_record_with_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_ML_TRIAL_ID", "7")
    file = tmp_path / "deep" / "output.metrics"
    add_final_value(file, "val/loss", 0.25)
    (record,) = records(file)
    assert (record["val/loss"], record["trial"], record["global_step"]) == ("0.25", "7", "1")
    assert {path.name for path in file.parent.iterdir()} == {"output.metrics", ".output.metrics.lock"}


def test_the_final_values_of_several_metrics_have_one_step_after_all_others(file: Path) -> None:
    add_value(file, "loss", 3.0, step=40)
    add_final_values(file, {"loss": 0.25, "parameters/total": 12.0})
    assert points(file, "loss") == [("40", "3.0"), ("41", "0.25")]
    assert points(file, "parameters/total") == [("41", "12.0")]


def test_existing_content_is_kept_before_the_new_records(file: Path) -> None:
    file.write_bytes(b'{"loss": "3.0", "global_step": "40"}\n\xff not a record\n{"loss": "2.0", "global_step": "9"}')
    before = file.read_bytes()
    add_final_value(file, "loss", 1.0)
    assert file.read_bytes().startswith(before + b"\n")
    assert json.loads(file.read_bytes().splitlines()[-1])["global_step"] == "41"


def test_all_of_many_records_are_kept(file: Path) -> None:
    for value in range(250):
        add_value(file, "loss", value)
    assert points(file, "loss") == [(str(value + 1), f"{value}.0") for value in range(250)]


def test_each_metric_has_its_own_steps_and_the_final_value_has_the_highest(file: Path) -> None:
    add_value(file, "loss", 3.0, 100)
    add_value(file, "acc", 0.5)
    add_value(file, "loss", 2.0)
    add_value(file, "loss", 1.0, 50)
    add_final_value(file, "acc", 0.75)
    assert points(file, "loss") == [("100", "3.0"), ("101", "2.0"), ("102", "1.0")]
    assert points(file, "acc") == [("1", "0.5"), ("103", "0.75")]


@pytest.mark.parametrize(
    ("reported", "returned", "judged"),
    [
        ([3.0, 2.0, 2.5], 2.5, [3.0, 2.0, 2.5]),
        ([3.0, 2.0, 2.5], 2.0, [3.0, 2.0, 2.5, 2.0]),
        ([], 2.0, [2.0]),
    ],
    ids=["the last one", "the best one", "the only one"],
)
def test_the_final_value_is_the_last_record_and_is_recorded_once(
    file: Path, reported: Sequence[float], returned: float, judged: Sequence[float]
) -> None:
    for value in reported:
        add_value(file, "loss", value)
    add_final_value(file, "loss", returned)
    assert [float(value) for _, value in points(file, "loss")] == judged


def test_an_equal_value_of_another_metric_or_an_earlier_step_does_not_replace_the_final_value(file: Path) -> None:
    file.write_text('{"acc": "1.0", "global_step": "1"}\n{"loss": "2.0", "global_step": "9"}\n')
    with file.open("a") as stream:
        stream.write('{"loss": "1.0", "global_step": "5"}\n')
    add_final_value(file, "loss", 1.0)
    assert points(file, "loss") == [("9", "2.0"), ("5", "1.0"), ("10", "1.0")]


def test_a_link_stays_a_link(tmp_path: Path, file: Path) -> None:
    file.symlink_to(tmp_path / "elsewhere")
    add_value(file, "loss", 1.0)
    assert file.is_symlink()
    assert points(tmp_path / "elsewhere", "loss") == [("1", "1.0")]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"output\.metrics: the measurement loss=1\.0 cannot be written"):
        add_value(tmp_path / "file" / "output.metrics", "loss", 1.0)


def test_a_file_in_a_read_only_folder_is_written_without_a_lock(file: Path) -> None:
    """As with a single file mounted into a container. Root, who may write everywhere, becomes another user first."""
    file.touch()
    file.chmod(0o666)
    for folder in file.parents:
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
    file.parent.chmod(0o555)
    code = (
        "import os, sys; from pathlib import Path; import hypertune\n"
        "from hydra_vertex.trial.reporting.metric_file import add_final_value, add_value\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for value in range(100): add_value(Path(sys.argv[1]), 'loss', value)\n"
        "add_final_value(Path(sys.argv[1]), 'loss', 0.5)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(points(file, "loss")) == 101
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_concurrent_threads_lose_no_records(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add_value(file, f"metric{number % 4}", number), range(200)))
    assert len(records(file)) == 200
    assert {name: len(points(file, name)) for name in ("metric0", "metric3")} == {"metric0": 50, "metric3": 50}


@contextmanager
def writers(file: Path, *metrics: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Start a process for each metric. They begin at the same moment and report until the file `stop` exists."""
    environ = {**os.environ, "CLOUD_ML_HP_METRIC_FILE": str(file), "PYTHONWARNINGS": "error"}
    commands = [[sys.executable, str(WRITER), metric, str(file.parent)] for metric in metrics]
    processes = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for command in commands]
    try:
        deadline = time.monotonic() + 60
        while len(list(file.parent.glob("*.ready"))) < len(metrics):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        file.with_name("start").touch()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def reported(process: subprocess.Popen[str]) -> int:
    """Wait for a process, and return its number of reported values."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return int(output)


def turns(file: Path) -> int:
    """Return how often consecutive records come from different writers."""
    own = ["loss" in record for record in records(file)] if file.exists() else []
    return sum(one != other for one, other in pairwise(own))


def test_concurrent_processes_lose_no_records(file: Path) -> None:
    deadline = time.monotonic() + 60
    with writers(file, "loss", "acc") as processes:
        while turns(file) < 20:
            assert time.monotonic() < deadline, f"only {turns(file)} turns: the two do not overlap"
            time.sleep(0.05)
        file.with_name("stop").touch()
        counts = [reported(process) for process in processes]
    assert [len(points(file, "loss")), len(points(file, "acc"))] == counts


def test_a_reader_in_a_tight_loop_never_sees_an_empty_or_incomplete_file(file: Path) -> None:
    """At least 10,000 reads with three writers. Each state begins with the previous one and has only whole lines."""
    add_line(file, b'{"first": "1"}\n')
    seen, states, reads, deadline = file.read_bytes(), 0, 0, time.monotonic() + 60
    with writers(file, "loss", "acc", "f1") as processes:
        while reads < 10_000 or states < 200:
            reads += 1
            content = file.read_bytes()
            states += content != seen
            assert content.endswith(b"\n")
            assert content.startswith(seen)
            assert all(json.loads(line) for line in content[len(seen) :].splitlines())
            seen = content
            assert time.monotonic() < deadline, f"only {states} states of the file in {reads} reads"
        assert all(process.poll() is None for process in processes), "the reads were to overlap with the writing"
        file.with_name("stop").touch()
        counts = [reported(process) for process in processes]
    assert [len(points(file, metric)) for metric in ("loss", "acc", "f1")] == counts


def test_a_reader_of_the_files_end_never_sees_an_incomplete_line(file: Path) -> None:
    """Reads as the service does: the size, then the last bytes. 100,000 reads, while the file grows by many pages."""
    add_line(file, b'{"first": "1"}\n')
    reads, states, deadline = 0, 0, time.monotonic() + 60
    with writers(file, "loss", "acc") as processes:
        while reads < 100_000 or states < 2_000:
            reads, states = reads + 1_000, states + _read_ends(file, 1_000)
            assert time.monotonic() < deadline, f"only {states} states of the file in {reads} reads"
        file.with_name("stop").touch()
        counts = [reported(process) for process in processes]
    assert sum(counts) == len(records(file)) - 1


def _read_ends(file: Path, count: int) -> int:
    """Return the number of different file sizes in this number of reads."""
    sizes, buffer = set(), bytearray(1 << 20)
    with file.open("rb", buffering=0) as opened:
        for _ in range(count):
            begin = max(0, os.fstat(opened.fileno()).st_size - 300)
            length = os.preadv(opened.fileno(), [buffer], begin)
            assert buffer[length - 1] == ord("\n")
            assert 0 not in buffer[:length]
            sizes.add(begin + length)
    return len(sizes)


@pytest.mark.parametrize("number", range(3))
def test_a_writer_that_is_killed_leaves_whole_lines_and_no_lock(file: Path, number: int) -> None:
    add_line(file, b'{"first": "1"}\n')
    with writers(file, "loss", "acc") as processes:
        deadline = time.monotonic() + 60
        while len(records(file)) < 20 * (number + 1) or not points(file, "loss"):
            assert time.monotonic() < deadline
        for process in processes:
            process.kill()
    last = int(points(file, "loss")[-1][0])
    add_value(file, "loss", 0.5)
    assert file.read_bytes().endswith(b"\n")
    assert points(file, "loss")[-1] == (str(last + 1), "0.5")


def test_a_report_reads_and_writes_as_many_bytes_in_a_long_file_as_in_a_short_one(file: Path) -> None:
    for value in range(100):
        add_value(file, "loss", value)
    short = max(_bytes_moved(file) for _ in range(50))
    file.write_bytes(make_line("loss", 0.5, 7) * 50_000)
    add_value(file, "loss", 1.0)  # reads the end of the new content
    assert _bytes_moved(file) <= 2 * short < 10_000


def _bytes_moved(file: Path) -> int:
    """Return the number of bytes that a report reads and writes."""
    before = _bytes_so_far()
    add_value(file, "loss", 1.0)
    return _bytes_so_far() - before


def _bytes_so_far() -> int:
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["rchar"]) + int(counters["wchar"])


@pytest.mark.parametrize("content", [b"", b'{"loss": "0.', b'{"loss": "5.0", "global_step": "30"}', b"\xff\n\n"])
def test_reports_continue_after_content_of_other_writers(file: Path, content: bytes) -> None:
    """An empty file, an incomplete line, a missing newline, lines that are not records; also between two reports."""
    add_value(file, "loss", 3.0)
    file.write_bytes(content)
    add_value(file, "loss", 2.0)
    assert file.read_bytes().startswith(content)
    assert json.loads(file.read_bytes().splitlines()[-1])["global_step"] == ("31" if b"30" in content else "1")


def test_a_removed_file_is_created_again(file: Path) -> None:
    for value in (3.0, 2.0):
        add_value(file, "loss", value)
        file.unlink()
    add_value(file, "loss", 1.0)
    assert points(file, "loss") == [("1", "1.0")]


def test_a_forked_process_continues_the_steps_of_its_parent(file: Path) -> None:
    add_value(file, "loss", 3.0, 10)
    child = os.fork()
    if child == 0:
        add_value(file, "loss", 2.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    add_value(file, "loss", 1.0)
    assert points(file, "loss") == [("10", "3.0"), ("11", "2.0"), ("12", "1.0")]


@pytest.mark.parametrize("code", ["add_final_value(file, 'loss', 1.0)", "add_final_value(file, 'loss', 2.0)"])
def test_the_final_value_is_synced_to_disk_even_if_the_app_has_reported_it(file: Path, code: str) -> None:
    """Python has no audit event for fsync(2), so strace is used where tracing is permitted."""
    if shutil.which("strace") is None or subprocess.run(["strace", "true"], capture_output=True).returncode:
        pytest.skip("strace cannot trace here")
    add_value(file, "loss", 1.0)
    start = "import sys; from pathlib import Path; file = Path(sys.argv[1])\n"
    imports = "from hydra_vertex.trial.reporting.metric_file import add_final_value\n"
    command = ["strace", "-e", "trace=fsync", sys.executable, "-c", start + imports + code, str(file)]
    assert "fsync(" in subprocess.run(command, capture_output=True, text=True, check=True).stderr
