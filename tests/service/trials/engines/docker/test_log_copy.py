"""Copying a log in parts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hydra_vertex.service.trials.engines.docker.log_copy import LogCopy, entries, frames
from hydra_vertex.service.trials.supervisor.capped_log import READ_BYTES

LIMIT = 64 << 20
BASE_S = 1_795_716_000  # 2026-11-26T18:00:00Z


def entry(second: int, text: bytes, source: int = 1) -> bytes:
    payload = f"2026-11-26T18:{second // 60:02}:{second % 60:02}.123456789Z ".encode() + text
    return bytes([source, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def read(copy: LogCopy, path: Path) -> bytes:
    copy.publish()
    return path.read_bytes()


def served(log: list[tuple[int, bytes]], since_s: int) -> list[bytes]:
    """Return what Docker answers: the entries from a second on, in the order in which they were written."""
    return [b"".join(entry(second, text) for second, text in log if BASE_S + second >= since_s)]


@pytest.mark.parametrize("seed", range(50))
def test_a_log_that_is_read_in_parts_is_complete_and_has_nothing_twice(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - not for secrets
    log, second = list[tuple[int, bytes]](), 5
    copy = LogCopy(tmp_path / "log", LIMIT)
    for _ in range(20):
        for _ in range(source.randrange(6)):
            second += source.choice([0, 0, 0, 1, 3])
            log.append((second - source.choice([0, 0, 1]), b"line %d\n" % len(log)))
        copy.add(served(log, copy.since_s))

    assert read(copy, tmp_path / "log") == b"".join(text for _, text in log)
    assert copy.entries == len(log)


def test_the_parts_of_a_stream_can_begin_anywhere() -> None:
    stream = b"".join(entry(number, b"x" * number) for number in range(20))
    for size in (1, 7, 8, 50, len(stream)):
        parts = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [text for _, _, text in entries(parts)] == [b"x" * number for number in range(20)]


def test_an_incomplete_frame_at_the_end_is_left_for_later() -> None:
    assert list(frames([entry(1, b"whole") + entry(2, b"part")[:-1]])) == [(1, entry(1, b"whole")[8:])]


def test_a_long_line_is_written_whole_between_lines_of_the_other_stream(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path / "log", LIMIT)

    copy.add([entry(1, b"a" * 16384) + entry(1, b"other\n", 2) + entry(1, b"b\n") + entry(1, b"no end")])
    copy.finish()

    assert read(copy, tmp_path / "log") == b"other\n" + b"a" * 16384 + b"b\nno end"


def test_a_line_of_any_length_is_written(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path / "log", LIMIT)

    copy.add([entry(second, b"a" * 16384) for second in range(200)])
    copy.finish()

    assert len(read(copy, tmp_path / "log")) == 200 * 16384


def test_a_log_beyond_the_limit_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path / "log", 8 * READ_BYTES)
    lines = [b"%06d\n" % number for number in range(200_000)]

    copy.add([b"".join(entry(1, line) for line in lines)])
    text = read(copy, tmp_path / "log")

    assert len(text) <= 8 * READ_BYTES
    assert text.startswith(b"000000\n")
    assert text.endswith(b"199999\n")
    assert b"bytes of log left out here" in text


def test_an_unfinished_copy_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("earlier")

    copy = LogCopy(path, LIMIT)
    copy.add([entry(1, b"new\n")])
    copy.close()

    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]
