"""Apps whose source shows that they do not use Hydra."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.trial.command.app_command import Module, Script
from hydra_vertex.trial.command.hydra_use import cannot_use_hydra
from trial.apps import hydra_trial


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"t.py": "import argparse, json"}, True),
        ({"t.py": "import numpy, yaml"}, True),
        ({"t.py": "import lib", "lib.py": "import pkg", "pkg/__init__.py": "x = 1"}, True),
        ({"t.py": "import a", "a.py": "import b", "b.py": "import a"}, True),
        ({"t.py": "import hydra"}, False),
        ({"t.py": "from lib import main", "lib.py": "import hydra"}, False),
        ({"t.py": "import pkg.main", "pkg/main.py": "from hydra_zen import zen"}, False),
        ({"t.py": "from hydra_zen import zen"}, False),
        ({"t.py": "import no_such_package"}, False),
        ({"t.py": "import importlib"}, False),
        ({"t.py": "exec(open('other').read())"}, False),
        ({"t.py": "from . import x"}, False),
        ({"t.py": "not python)"}, False),
        ({"other.py": ""}, False),
    ],
)
def test_only_an_app_whose_files_show_it_cannot_use_hydra(
    tmp_path: Path, files: dict[str, str], expected: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cannot_use_hydra(Script("t.py"), tmp_path) is expected
    assert not cannot_use_hydra(Module("t"), tmp_path)


def test_an_app_without_hydra_does_not_train_in_an_explanation(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("import argparse\nprint('TRAINED')\n")
    ended = hydra_trial(tmp_path, "--explain", "--", "python", "t.py", "--lr=1")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("hydra-trial: python t.py: neither this file nor what it imports uses Hydra")
