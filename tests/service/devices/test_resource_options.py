"""The resource options of the command line."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.service.devices.resource_options import ResourceOptions, add_resource_options, resources_from, size


def parse(arguments: list[str]) -> ResourceOptions:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_resource_options(parser, shared=True)
    return resources_from(parser.parse_args(arguments))


def positive() -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(1, 2**45)


@given(st.builds(ResourceOptions, positive(), positive(), positive(), positive(), st.integers(0, 19)))
def test_options_passed_to_a_service_are_read_back(options: ResourceOptions) -> None:
    assert parse(options.to_arguments()) == options


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("8GiB", 8 << 30),
        ("8Gi", 8 << 30),
        ("8G", 8 * 10**9),
        ("8gb", 8 * 10**9),
        ("0.5 GiB", 1 << 29),
        ("512MiB", 1 << 29),
        ("1000", 1000),
        ("1T", 10**12),
    ],
)
def test_sizes_are_read_with_their_units(text: str, size_bytes: int) -> None:
    assert size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "0", "-1G", "8 gigs", "GiB", "1e9", "8Gi8", "I", "٨G"])
def test_an_invalid_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a size above 0"):
        size(text)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--trials-per-gpu=0", "0 is below 1"),
        ("--max-parallel=-2", "-2 is below 1"),
        ("--trial-nice=-5", "-5 is not from 0 to 19"),
        ("--trial-nice=20", "20 is not from 0 to 19"),
        ("--trial-memory=lots", "'lots' is not a size"),
        ("--trials-per-gpu=0.5", "'0.5' is not a whole number"),
        ("--trial-nice=very", "'very' is not a whole number"),
    ],
)
def test_invalid_values_are_refused(argument: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentError, match=message):
        parse([argument])
