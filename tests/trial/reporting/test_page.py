"""Padding of lines: no line crosses a page boundary unless it is much longer than the lines before it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.trial.reporting.page import PAGE_BYTES, is_within_page, with_room


def line_of(length: int) -> bytes:
    return b"x" * (length - 1) + b"\n"


@given(st.lists(st.integers(2, 1900), min_size=1, max_size=200))
def test_no_line_crosses_a_page_when_the_longest_is_known(lengths: list[int]) -> None:
    size = 0
    for length in lengths:
        assert is_within_page(size, length)
        size += len(with_room(line_of(length), size, max(lengths)))


@given(st.integers(2, 3000), st.integers(0, 300))
def test_no_line_crosses_a_page_when_each_is_a_little_longer(first: int, count: int) -> None:
    size = 0
    for length in range(first, first + count):
        assert is_within_page(size, length)
        size += len(with_room(line_of(length), size, longest=length - 1))


@given(st.integers(0, 3 * PAGE_BYTES), st.integers(2, 2 * PAGE_BYTES), st.integers(0, 10_000))
def test_only_spaces_are_added_and_at_most_to_the_end_of_the_page(size: int, length: int, longest: int) -> None:
    line = line_of(length)
    longer = with_room(line, size, longest)
    assert longer.rstrip() == line.rstrip()
    assert longer.endswith(b"\n")
    assert longer == line or (size + len(longer)) % PAGE_BYTES == 0
    assert (size + len(longer) - 1) // PAGE_BYTES == (size + length - 1) // PAGE_BYTES


def test_lines_of_usual_length_need_little_padding() -> None:
    size = 0
    for _ in range(10_000):
        size += len(with_room(line_of(110), size, 110))
    assert size < 1.06 * 110 * 10_000


def test_one_long_line_wastes_at_most_half_of_each_page() -> None:
    size = 0
    for _ in range(1_000):
        size += len(with_room(line_of(110), size, 100_000))
    assert size < 2.2 * 110 * 1_000


def test_a_page_boundary_is_detected_exactly() -> None:
    assert is_within_page(PAGE_BYTES - 10, 10)
    assert not is_within_page(PAGE_BYTES - 10, 11)
    assert is_within_page(PAGE_BYTES, PAGE_BYTES)
    assert not is_within_page(0, PAGE_BYTES + 1)
