import contextlib
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import components

from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiler import compile_to_file
from hydra_vertex.pipelines.component_list import COMPONENTS

IMAGE = "europe-docker.pkg.dev/p/r/train:1"


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback. Yields its URL."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def from_url(file: Path) -> Any:
    with served(file.parent) as url:
        return components.load_component_from_url(f"{url}/{file.name}")


LOADERS: dict[str, Callable[[Path], Any]] = {
    "file": lambda file: components.load_component_from_file(str(file)),
    "text": lambda file: components.load_component_from_text(file.read_text()),
    "url": from_url,
}


@pytest.mark.parametrize(
    ("name", "suffix", "loader"),
    [*((name, "yaml", "file") for name in COMPONENTS), ("tune_and_retrain", "json", "text"), ("tune", "yaml", "url")],
)
def test_a_loaded_component_is_compiled_to_the_same_file(name: str, suffix: str, loader: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.{suffix}"
    assert main(["component", name, "--image", IMAGE, "-o", str(file)]) == 0

    compile_to_file(LOADERS[loader](file), tmp_path / f"again.{suffix}")

    assert IMAGE in file.read_text()
    assert (tmp_path / f"again.{suffix}").read_text() == file.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tun"], "'tun' is not a component; did you mean 'tune'? (allowed: tune, select_best, retrain, tune_and_"),
        ([], "the component's name is missing; give one of tune, select_best, retrain, tune_and_retrain"),
        (["tune", "--", "python", "t.py"], "the component tune takes no app's command; leave what follows -- out"),
    ],
)
def test_a_wrong_command_is_refused_by_name(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, app = (arguments[:1], arguments[1:]) if "--" in arguments else (arguments, [])

    assert main(["component", *own, "-o", str(tmp_path / "c.yaml"), *app]) == 2

    assert message in capsys.readouterr().err
    assert not (tmp_path / "c.yaml").exists()
