"""Runs the sweep of a composed config as a study, in its sweep folder.

The command `hydra-vertex run` does it on this machine, and `hydra-vertex tune` on Vertex AI.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hydra_vertex.cli.output import say, show
from hydra_vertex.launcher.secrets.masker import NO_SECRETS, secrets_in_arguments
from hydra_vertex.launcher.secrets.shell import shell_command
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol import json
from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.private_files import private_files

from .composed import identity_of, require_launcher, set_sweep_dir, sweep_dir_at_any_time, sweeper_of
from .folder import SweepFolder, folder_of
from .image_program import image_program, require_params_travel
from .program import require_one_process, trial_program
from .request import SweepRequest, parse_overrides, sweep_request
from .results import log_lines, optimization_results, pareto_results
from .surroundings import printed_by, this_python_first

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sweep:
    """A sweep that is checked as far as it can be without the app. `app` is the command of the trials."""

    folder: SweepFolder
    request: SweepRequest
    identity: JsonObject
    app: tuple[str, ...]


def sweep(config: DictConfig, overrides: Sequence[str]) -> None:
    """Run the sweep that Hydra has composed; `overrides` are those of the command line that are for the app.

    Raises SystemExit when it does not succeed: with code 2 for invalid input, 1 for a failure, 130 after Ctrl-C.
    """
    try:
        asked = _asked(config, overrides)
        with _writing(asked):
            _prepare(asked, config)
        with this_python_first() if asked.request.is_elsewhere else nullcontext():
            outcome = _run(asked, str(config.hydra.job.name))
            with _writing(asked):
                _keep_result(asked.folder, outcome)
    except UserError as error:
        say(f"hydra/sweeper=vertex: {one_line(str(error))}")
        raise SystemExit(error.exit_code) from error


@contextmanager
def _writing(asked: _Sweep) -> Iterator[None]:
    """Make the folder. Its files are private to the user if the app's command has a secret, as those of `run` are.

    Raises OutputError when something cannot be written.
    """
    folder = asked.folder.path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with private_files() if any(secrets_in_arguments(asked.app)) else nullcontext():
            yield
    except OSError as error:
        raise OutputError(f"hydra.sweep.dir is {folder}, which cannot be written to ({error}); give another") from error


def _asked(config: DictConfig, overrides: Sequence[str]) -> _Sweep:
    require_launcher(config)
    require_one_process(os.environ)
    request = sweep_request(sweeper_of(config), parse_overrides(overrides))
    app = trial_program(sys.orig_argv, sys.executable, overrides)
    if request.is_elsewhere:
        app = image_program(app, Path.cwd())
        require_params_travel(request.sweeper, Path.cwd())
    identity = identity_of(config, app, request.study)
    folder = folder_of(Path(str(config.hydra.sweep.dir)), sweep_dir_at_any_time(config), identity)
    return _Sweep(folder, request, identity, app)


def _prepare(asked: _Sweep, config: DictConfig) -> None:
    """Make the folder and its descriptions. The config gets the folder too, if it is that of an earlier start."""
    folder = asked.folder
    shown = os.path.relpath(folder.path)
    if folder.identity.exists():
        say(f"goes on with the sweep of the same command in {shown}")
    if folder.path != Path(str(config.hydra.sweep.dir)).absolute():
        set_sweep_dir(config, shown)
    write_atomic(folder.path / "multirun.yaml", OmegaConf.to_yaml(config))
    search = OmegaConf.create({"hydra": {"sweeper": dict(asked.request.sweeper)}})
    write_atomic(folder.search, OmegaConf.to_yaml(search))
    write_atomic(folder.identity, json.dumps(asked.identity, indent=2) + "\n")


def _run(asked: _Sweep, job_name: str) -> Mapping[str, Json]:
    """Run the study and return its result. Raises SystemExit."""
    folder, request = asked.folder, asked.request
    name = request.sweeper.get("study_name") or job_name
    again = f"--again={shell_command(sys.orig_argv, NO_SECRETS)}"
    own = (f"--search={os.path.relpath(folder.search)}", f"--out={folder.study}", f"--name={name}", again, "--json")
    command = ("tune",) if request.is_elsewhere else ("run", f"--sweep-dir={folder.path}")
    found = json.loads(printed_by([*command, *own, *request.options, SEPARATOR, *asked.app]))
    return found if isinstance(found, Mapping) else {}


def _pareto_set(folder: SweepFolder) -> Mapping[str, Json]:
    """Write the experiment file of each member of the Pareto set beside best.yaml. Return the result of the command."""
    found = json.loads(printed_by(["best", str(folder.study), f"--output={folder.path / 'best.yaml'}", "--json"]))
    return found if isinstance(found, Mapping) else {}


def _keep_result(folder: SweepFolder, outcome: Mapping[str, Json]) -> None:
    for name in ("best.yaml", "report.html"):
        write_atomic(folder.path / name, (folder.study / name).read_bytes())
    results = pareto_results(_pareto_set(folder)) if "metrics" in outcome else optimization_results(outcome)
    write_atomic(folder.results, OmegaConf.to_yaml(OmegaConf.create(results)))
    for line in log_lines(results):
        log.info("%s", line)
    log.info("Results: %s", os.path.relpath(folder.path))
    show(f"To run the best config again:\n  {outcome.get('reproduce')}")
