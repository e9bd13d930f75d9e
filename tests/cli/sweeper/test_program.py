from __future__ import annotations

from contextlib import nullcontext

import pytest

from hydra_vertex.cli.sweeper.program import require_one_process, trial_program
from hydra_vertex.protocol.errors import CommandError

PYTHON = "/venv/bin/python"


@pytest.mark.parametrize(
    ("typed", "program"),
    [
        ("python app.py -m", "app.py"),
        ("python app.py --multirun a=1", "app.py a=1"),
        ("python app.py --multi a=1", "app.py a=1"),
        ("python -m pkg.app -m a=1", "-m pkg.app a=1"),
        ("python -X dev -W error -O app.py -m", "-X dev -W error -O app.py"),
        ("/venv/bin/python /venv/bin/train -m a=1", "/venv/bin/train a=1"),
        ("python app.py -m -cn other --config-dir conf a=1", "app.py -cn other --config-dir conf a=1"),
        ("python app.py -m a=1 b=1,2 c=interval(0,1)", "app.py a=1"),
        ("python app.py -m hydra/sweeper=vertex experiment=x", "app.py hydra/sweeper=vertex experiment=x"),
        ("python app.py hydra.mode=MULTIRUN hydra.sweeper.n_trials=3 hydra.sweep.dir=out", "app.py"),
        ("python app.py -m +hydra.sweeper.seed=1 hydra.launcher.n_jobs=2", "app.py"),
        ("python app.py -m hydra.sweep.subdir=x hydra.run.dir=y", "app.py hydra.sweep.subdir=x"),
        ("python app.py -m --own-option 3 a=1", "app.py --own-option 3 a=1"),
    ],
)  # fmt: skip
def test_a_trial_has_the_typed_command_without_what_is_about_the_sweep(typed: str, program: str) -> None:
    words = typed.split()
    overrides = [word for word in words if "=" in word and not word.startswith(("hydra", "+hydra", "-"))]

    assert trial_program(words, PYTHON, overrides) == (PYTHON, *program.split())


@pytest.mark.parametrize(
    "typed", [["python", "-c", "main()", "-m"], ["python", "-"], ["python"], ["python", "-cmain()"]]
)
def test_an_app_that_is_not_started_from_a_file_is_refused(typed: list[str]) -> None:
    with pytest.raises(CommandError, match=r"python train\.py"):
        trial_program(typed, PYTHON, ())


@pytest.mark.parametrize(
    ("environ", "is_refused"),
    [({"WORLD_SIZE": "4"}, True), ({}, False), ({"WORLD_SIZE": "1"}, False), ({"WORLD_SIZE": ""}, False)],
)
def test_only_several_processes_are_refused(environ: dict[str, str], is_refused: bool) -> None:
    with pytest.raises(CommandError, match="WORLD_SIZE is 4") if is_refused else nullcontext() as caught:
        require_one_process(environ)
    assert (caught is not None) == is_refused
