"""The copy of a log: nothing twice, nothing lost, also over kills of the service and rotations of the log."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from hydra_vertex.protocol.metric_stream import streamed_line
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.kubernetes import log_copy
from hydra_vertex.service.trials.engines.kubernetes.log_copy import LogCopy, is_copied

NONCE = "c0ffee"


def stamped(lines: list[str], step_s: float = 0.1) -> list[bytes]:
    """Return lines with times, as a kubelet returns them."""
    return [
        f"2026-11-26T12:{int(i * step_s) // 60:02}:{i * step_s % 60:012.9f}Z {line}\n".encode()
        for i, line in enumerate(lines)
    ]


def since(log: list[bytes], begin: str) -> bytes:
    """Return what a kubelet answers to sinceTime."""
    return b"".join(line for line in log if line.split(b".")[0] >= begin.rstrip("Z").encode())


def record(number: int) -> str:
    return streamed_line(NONCE, number, f'{{"loss": "{number}"}}'.encode()).decode().rstrip("\n")


@pytest.fixture
def folder(tmp_path: Path) -> TrialFolder:
    return TrialFolder(tmp_path / "trial")


def copy(folder: TrialFolder, log: list[bytes], *, is_end: bool = False) -> None:
    taken_up = LogCopy(folder, "hv-1", NONCE)
    taken_up.add(iter([since(log, taken_up.position.since)]), is_end=is_end)


def losses(folder: TrialFolder) -> list[int]:
    lines = folder.metric_file.read_text().splitlines() if folder.metric_file.exists() else []
    return [int(line.split('"')[3]) for line in lines]


@pytest.mark.parametrize("seed", range(20))
def test_a_log_that_is_fetched_in_parts_by_many_services_arrives_whole(folder: TrialFolder, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    lines = [record(i // 3 + 1) if i % 3 == 2 else rng.choice(["same", "", f"line {i}"]) for i in range(300)]
    log = stamped(lines, step_s=rng.choice([0.001, 0.1, 2.0]))
    end = 0
    while end < len(log):
        end = min(len(log), end + rng.randint(0, 40))
        copy(folder, log[:end])
    own = [line for i, line in enumerate(lines) if i % 3 != 2]
    assert folder.log.read_text() == "".join(f"{line}\n" for line in own)
    assert losses(folder) == list(range(1, 101))


@pytest.mark.parametrize("seed", range(20))
def test_a_service_that_is_killed_between_its_writes_loses_and_repeats_nothing(
    folder: TrialFolder, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    lines = [record(i // 2 + 1) if i % 2 else f"line {i}" for i in range(100)]
    log = stamped(lines)

    class Killed(BaseException):
        pass

    append = LogCopy._append

    def append_and_die(self: LogCopy, file: Path, data: bytes) -> None:
        append(self, file, data)
        if rng.random() < 0.4:
            raise Killed

    for end in range(10, 101, 10):
        with monkeypatch.context() as patched:
            patched.setattr(LogCopy, "_append", append_and_die)
            with suppress(Killed):
                copy(folder, log[:end])
    copy(folder, log, is_end=True)
    assert folder.log.read_text() == "".join(f"{line}\n" for line in lines[::2])
    assert losses(folder) == list(range(1, 51))


def test_lines_of_two_streams_with_crossed_times_are_kept_in_the_order_of_the_log(folder: TrialFolder) -> None:
    log = [
        b"2026-11-26T12:00:01.000000001Z out\n",
        b"2026-11-26T12:00:00.999999999Z err\n",
        b"2026-11-26T12:00:01.000000002Z out\n",
    ]
    for end in range(1, 4):
        copy(folder, log[:end])
    assert folder.log.read_text() == "out\nerr\nout\n"


def test_equal_lines_at_one_time_are_all_kept(folder: TrialFolder) -> None:
    log = [b"2026-11-26T12:00:01.5Z same\n"] * 3
    copy(folder, log[:2])
    copy(folder, log)
    assert folder.log.read_text() == "same\nsame\nsame\n"


def test_a_rotated_log_says_where_lines_may_be_missing_and_the_curve_is_repaired_at_the_end(
    folder: TrialFolder,
) -> None:
    log = stamped([record(1), "a", record(2), "b", record(3), "c", record(4), "d"], step_s=1)
    copy(folder, log[:2])
    copy(folder, log[5:])
    assert folder.log.read_text() == "a\n\n[... the cluster rotated the log here; lines may be missing ...]\nc\nd\n"
    assert losses(folder) == [1]  # what follows a gap waits
    repeated = stamped([record(i) for i in range(1, 5)], step_s=1)
    end = [line.replace(b"T12:", b"T13:") for line in repeated]
    copy(folder, [*log[5:], *end], is_end=True)
    assert losses(folder) == [1, 2, 3, 4]


def test_a_gap_that_is_never_repaired_is_left_out_at_the_end(folder: TrialFolder) -> None:
    copy(folder, stamped([record(1), record(5), record(4)]))
    assert losses(folder) == [1]
    LogCopy(folder, "hv-1", NONCE).complete("")
    assert losses(folder) == [1, 4, 5]
    assert is_copied(folder, "hv-1")


def test_the_termination_message_adds_what_the_log_did_not_bring(folder: TrialFolder) -> None:
    copy(folder, stamped([record(1)]))
    message = 'oss": "0"}\n{"loss": "1"}  \n{"loss": "2"}\n{"loss": "3"}\n{"loss'
    LogCopy(folder, "hv-1", NONCE).complete(message)
    LogCopy(folder, "hv-1", NONCE).complete(message)
    assert losses(folder) == [1, 2, 3]


def test_text_before_a_record_in_one_line_stays_in_the_log(folder: TrialFolder) -> None:
    copy(folder, stamped([f"50 % {record(1)}", "100 %"]))
    assert folder.log.read_text() == "50 % 100 %\n"


@pytest.mark.parametrize(
    "line",
    [
        'hydra-trial-metric other 1 {"loss": "1"}',
        f"hydra-trial-metric {NONCE} x {{}}",
        f"hydra-trial-metric {NONCE} 1 loss",
        f"hydra-trial-metric {NONCE}",
    ],
)
def test_a_line_that_only_looks_like_a_record_is_the_apps(folder: TrialFolder, line: str) -> None:
    copy(folder, stamped([line]))
    assert folder.log.read_text() == f"{line}\n"
    assert losses(folder) == []


def test_an_unfinished_last_line_is_taken_at_the_end_only(folder: TrialFolder) -> None:
    log = [b"2026-11-26T12:00:00.1Z one\n", b"2026-11-26T12:00:00.2Z tw"]
    copy(folder, log)
    assert folder.log.read_text() == "one\n"
    copy(folder, [log[0], log[1] + b"o"], is_end=True)
    assert folder.log.read_text() == "one\ntwo"


def test_a_kubelet_without_times_and_parts_is_understood(folder: TrialFolder) -> None:
    log = f"one\n{record(1)}\ntwo\nthree\n".encode()
    for end in (4, 20, len(log) - 3, len(log)):
        LogCopy(folder, "hv-1", NONCE).add(iter([log[:end]]), is_end=False)
    assert folder.log.read_text() == "one\ntwo\nthree\n"
    assert losses(folder) == [1]


def test_the_text_of_an_error_is_not_added_to_a_log(folder: TrialFolder) -> None:
    log = stamped(["one"])
    copy(folder, log)
    LogCopy(folder, "hv-1", NONCE).add(iter([b"rpc error: No such container"]), is_end=True)
    copy(folder, [*log, b"rpc error: No such container"], is_end=True)
    assert folder.log.read_text() == "one\n"


def test_another_launch_begins_anew(folder: TrialFolder) -> None:
    copy(folder, stamped(["old", record(1)]))
    other = LogCopy(folder, "hv-2", NONCE)
    other.add(iter(stamped(["new", record(1)])), is_end=True)
    assert folder.log.read_text() == "new\n"
    assert losses(folder) == [1]


def test_the_middle_of_a_huge_log_is_left_out(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_copy, "LOG_LIMIT_BYTES", 4000)
    log = stamped([f"line {i:03}" for i in range(1000)])
    for end in range(50, 1001, 50):
        copy(folder, log[:end])
    text = folder.log.read_text()
    assert len(text) < 4200
    assert text.startswith("line 000\n")
    assert text.endswith("line 999\n")
    assert "bytes of log left out here" in text


def test_a_file_that_is_no_log_of_ours_is_left_alone(folder: TrialFolder) -> None:
    folder.log.mkdir(parents=True)
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        copy(folder, stamped(["one"]))
