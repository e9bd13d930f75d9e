"""Small Hydra apps, and helpers that run them with and without hydra-trial as child processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

CONFIG = {
    "conf/config.yaml": """
        defaults:
          - _self_
          - db: mysql
          - opt: null
          - experiment: null
        lr: 0.1
        steps: 10
        name: foo
        layers: [64, 64]
        anything: null
        """,
    "conf/db/mysql.yaml": """
        defaults:
          - engine: inno
        host: localhost
        port: 3306
        """,
    "conf/db/pg.yaml": "schema: public",
    "conf/db/engine/inno.yaml": "buffer: 1",
    "conf/db/engine/memory.yaml": "size: 2",
    "conf/opt/adam.yaml": "beta: 0.9",
    "conf/opt/sgd.yaml": "momentum: 0.0\nnesterov: false",
    "conf/extra/some.yaml": "level: 1",
    "conf/extra/more.yaml": "level: 2",
    "conf/experiment/big.yaml": """
        # @package _global_
        defaults:
          - override /db: pg
        steps: 1000
        """,
}

TRAIN = """
    import sys

    import hydra


    @hydra.main(config_path="conf", config_name="config", version_base=None)
    def main(cfg):
        print(cfg)
        print(sys.argv)
        print(__file__, __name__, sys.path[0])
        return cfg.lr * 2


    if __name__ == "__main__":
        main()
    """


def write_app(folder: Path, train: str = TRAIN, **files: str) -> Path:
    """Write the app of `CONFIG` into `folder`, with `train` as its `train.py`, and further files as `path=text`."""
    for name, text in {**CONFIG, "train.py": train, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder


def run(
    folder: Path, command: Sequence[str], environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a child process in `folder`, without the variables of trials and ranks from the tests' environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONWARNINGS") if name in os.environ}
    return subprocess.run(
        list(command),
        cwd=folder,
        env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def hydra_trial(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -m hydra_vertex.trial` with these arguments."""
    return run(folder, [sys.executable, "-m", "hydra_vertex.trial", *arguments], environ)


def trial(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the app of `write_app` under hydra-trial."""
    return hydra_trial(folder, "--", "python", "train.py", *arguments, environ=environ)
