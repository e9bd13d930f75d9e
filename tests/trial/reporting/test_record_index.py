"""The index of a metric file is compared with the whole file, while others change the file."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hydra_vertex.trial.reporting import record_index
from hydra_vertex.trial.reporting.record_index import open_index
from hydra_vertex.trial.reporting.records import make_line, parse_records
from hydra_vertex.trial.reporting.summary import Summary, summarise

METRICS = ("loss", "acc", "f1")
LINES = st.lists(
    st.tuples(st.sampled_from(METRICS), st.integers(0, 99), st.integers(0, 300))
    | st.sampled_from([b"\n", b"not a record\n", b"\xff\xfe\n", b"x" * 1000 + b"\n"]),
    max_size=20,
)
TORN = b'{"loss": "0.5'


class SharedFile(RuleBasedStateMachine):
    """Others append to, truncate, overwrite, replace and remove the file. All their records have different times."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name, "metrics")
        self.times = itertools.count()

    def teardown(self) -> None:
        self.folder.cleanup()

    def content(self, lines: list[bytes | tuple[str, int, int]]) -> bytes:
        return b"".join(line if isinstance(line, bytes) else self.record(*line) for line in lines)

    def record(self, metric: str, step: int, spaces: int) -> bytes:
        fields = b'{"%s": "1.0", "global_step": "%d", "timestamp": %d}' % (metric.encode(), step, next(self.times))
        return fields + b" " * spaces + b"\n"

    @rule(lines=LINES, end=st.sampled_from([b"", TORN]))
    def append(self, lines: list[bytes | tuple[str, int, int]], end: bytes) -> None:
        with self.file.open("ab") as file:
            file.write(self.content(lines) + end)

    @rule(share=st.floats(0, 1))
    def cut_short(self, share: float) -> None:
        content = self.read()
        left = content[: int(share * len(content))].rstrip()
        if left:  # a record without its newline counts, until other text follows on its line
            os.truncate(self.file, len(left) - left.endswith(b"}"))

    @rule(lines=LINES)
    def overwrite(self, lines: list[bytes | tuple[str, int, int]]) -> None:
        self.file.write_bytes(self.content(lines))

    @rule(lines=LINES)
    def replace(self, lines: list[bytes | tuple[str, int, int]]) -> None:
        new = self.file.with_suffix(".new")
        new.write_bytes(self.content(lines))
        new.replace(self.file)

    @rule()
    def remove(self) -> None:
        self.file.unlink(missing_ok=True)

    @rule()
    def ask_for_everything(self) -> None:
        with open_index(self.file) as index:
            assert index.of_all() == self.whole()

    @rule(metric=st.sampled_from(METRICS))
    def ask_for_one_metric(self, metric: str) -> None:
        with open_index(self.file) as index:
            found = index.of_metric(metric)
        expected = self.whole().metrics.get(metric)
        assert (found and found.newest) == (expected and expected.newest)

    @invariant()
    def looked_at(self) -> None:
        with open_index(self.file):
            pass

    def read(self) -> bytes:
        return self.file.read_bytes() if self.file.exists() else b""

    def whole(self) -> Summary:
        return summarise(parse_records(self.read()))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(record_index, "_CHUNK_BYTES", 100)
    yield
    record_index._INDEXES.clear()


@pytest.mark.usefixtures("small_chunks")
def test_the_index_is_equal_to_the_summary_of_the_whole_file() -> None:
    run_state_machine_as_test(SharedFile, settings=settings(max_examples=100, deadline=None))  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("small_chunks")
def test_a_file_whose_incomplete_last_line_is_overwritten_is_read_again(tmp_path: Path) -> None:
    """The end that is read first contains no whole line."""
    file = tmp_path / "metrics"
    file.write_bytes(make_line("loss", 0.5, 7) + b"x" * 50)
    with open_index(file) as index:
        assert index.of_metric("loss") is not None
    file.write_bytes(b"x" * 1000 + b"\n")
    with open_index(file) as index:
        assert index.of_metric("loss") is None


def read_bytes() -> int:
    """Return the number of bytes that this process has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_the_first_access_reads_the_end_of_a_long_file_and_the_next_one_the_new_lines(tmp_path: Path) -> None:
    file = tmp_path / "metrics"
    file.write_bytes(make_line("loss", 0.5, 7) * 50_000)
    before = read_bytes()
    with open_index(file) as index:
        assert index.of_metric("loss") is not None
    first = read_bytes() - before
    with file.open("ab") as stream:
        stream.write(make_line("loss", 0.5, 8))
    before = read_bytes()
    with open_index(file) as index:
        known = index.of_metric("loss")
    assert known is not None
    assert known.newest.step == 8
    assert first < 200_000 < file.stat().st_size / 20
    assert read_bytes() - before < 2_000


def test_the_longest_line_is_measured_without_padding(tmp_path: Path) -> None:
    file = tmp_path / "metrics"
    file.write_bytes(b'{"a": 1}' + b" " * 500 + b"\n" + b'{"abc": 1}\n')
    with open_index(file) as index:
        assert index.longest_line == len(b'{"abc": 1}\n')


def test_a_forked_process_does_not_use_an_index_that_a_thread_was_updating(tmp_path: Path) -> None:
    file = tmp_path / "metrics"
    file.write_bytes(make_line("loss", 0.5, 7))
    with open_index(file):
        pass
    child = os.fork()
    if child == 0:
        os._exit(len(record_index._INDEXES))
    assert os.waitpid(child, 0)[1] == 0
    assert record_index._INDEXES
