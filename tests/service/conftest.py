"""Fixtures: services shared by the tests of a module, and the folders of a test's own service and app."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.harness import Client, serving, start


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("service") / "studies") as client:
        yield client


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    return tmp_path / "studies"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return tmp_path / "app"


@pytest.fixture(scope="module")
def token_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with gRPC that requires the token of `test_access`."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "token").write_text("a-token-of-sixteen")
    options = ("--grpc-port", "0", "--token-file", str(folder / "token"))
    with start(folder / "studies", *options) as service, Client(service.url, folder / "studies", service.pid) as client:
        yield client


@pytest.fixture(scope="module")
def token_grpc(token_service: Client) -> str:
    """The gRPC address of `token_service`."""
    return str(json.loads((token_service.studies / "service.json").read_text())["grpc"])
