"""A server process that imports Hydra and hydra-trial once, and forks for each command (JSON lines on stdin, stdout).

Each command still runs completely: hydra-trial's `main` on the app's script, or the script itself. It saves the imports
and Hydra's search for plugins, which take most of a short app's time.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
from typing import IO

COMMAND_LIMIT_S = 60


def main() -> None:
    _warm_up()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_run(request["way"], request["arguments"])), flush=True)


def _warm_up() -> None:
    from hydra import compose, initialize
    from omegaconf import OmegaConf

    from hydra_vertex.trial.command import main_module  # noqa: F401

    # Fills the caches of the two grammars and of Hydra's plugins.
    with initialize(version_base=None, config_path=None):
        config = compose(overrides=["+a={b: [x,'y z',1.5e-3]}", "+c=${a.b}", "+hydra.d=${oc.env:HOME}/${hydra:x}"])
        OmegaConf.to_yaml(config, resolve=True)


def _run(way: str, arguments: list[str]) -> dict[str, object]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _child(way, arguments, out, err)
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return {"exit_code": exit_code, "stdout": _text(out), "stderr": _text(err)}


def _child(way: str, arguments: list[str], out: IO[bytes], err: IO[bytes]) -> None:
    signal.alarm(COMMAND_LIMIT_S)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    exit_code = 1
    try:
        exit_code = _trial(arguments) if way == "trial" else _python(arguments)
    except SystemExit as error:
        exit_code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)


def _trial(arguments: list[str]) -> int:
    from hydra_vertex.trial.cli import main as hydra_trial

    sys.argv = ["hydra-trial", *arguments]
    return hydra_trial()


def _python(arguments: list[str]) -> int:
    """`python script.py ...`"""
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))  # noqa: PTH100, PTH120 - what Python does
    runpy.run_path(arguments[0], run_name="__main__")
    return 0


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main()
