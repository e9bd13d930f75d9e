"""The folder of one local run: what is in it, and whose it is.

::

    job.json  best.yaml  overrides.txt  report.html     the result
    config/experiment/best.yaml                         best.yaml again, where Hydra's --config-dir finds it
    model/                                              what the retraining wrote
    logs/trial-1.log …                                  what each trial printed
    pipeline.json  plan.json                            what was run
    pipeline/  studies/  pipeline.log  service.log      how it ran: artifacts of the steps, the service's own state
    .run.lock                                           who runs in it now
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import PLAN_FILE
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json

from .run_lock import LOCK_NAME, unusable


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's folder. The path is absolute, because the steps' working directories are not ours to know."""

    path: Path

    @property
    def plan(self) -> Path:
        """What the run was asked for; its presence makes the folder a run's."""
        return self.path / "plan.json"

    @property
    def pipeline(self) -> Path:
        """The compiled pipeline that was run."""
        return self.path / "pipeline.json"

    @property
    def pipeline_root(self) -> Path:
        """Where the steps leave their artifacts."""
        return self.path / "pipeline"

    @property
    def studies(self) -> Path:
        """The tuning service's own folder."""
        return self.path / "studies"

    @property
    def job(self) -> Path:
        """The finished job document."""
        return self.path / "job.json"

    @property
    def best(self) -> Path:
        """The best trial's experiment file."""
        return self.path / "best.yaml"

    @property
    def overrides(self) -> Path:
        """The best trial's overrides."""
        return self.path / "overrides.txt"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def model(self) -> Path:
        """The retrained model."""
        return self.path / "model"

    @property
    def config_dir(self) -> Path:
        """What `--config-dir` is given."""
        return self.path / "config"

    def log(self, name: str) -> Path:
        """A log of the run itself: `pipeline` or `service`."""
        return self.path / f"{name}.log"


def goes_on(folder: RunFolder, arguments: Mapping[str, str | int]) -> bool:
    """Whether the folder holds this very run, begun and perhaps not ended; False for an empty or a new folder.

    Changes nothing. Raises OutputError when it holds another study or anything else.
    """
    try:
        if folder.plan.exists():
            return _is_same(folder, dict(arguments))
        if folder.path.exists() and any(path.name != LOCK_NAME for path in folder.path.iterdir()):
            raise OutputError(f"{folder.path}: is not empty and holds no run; give --out an empty or a new folder")
    except OSError as error:
        raise unusable(folder.path, error) from error
    return False


def claim(folder: RunFolder, arguments: Mapping[str, str | int]) -> bool:
    """Make the folder this run's own, under its lock. True when it already was, and the run is to go on.

    Raises OutputError as `goes_on` does, and when the folder cannot be written.
    """
    if goes_on(folder, arguments):
        return True
    asked: dict[str, Json] = dict(arguments)
    try:
        write_atomic(folder.plan, json.dumps(asked, indent=2) + "\n")
    except OSError as error:
        raise unusable(folder.path, error) from error
    return False


def _is_same(folder: RunFolder, asked: Mapping[str, Json]) -> bool:
    before = load_json(folder.plan, PLAN_FILE)
    if before == asked:
        return True
    known = before if isinstance(before, dict) else {}
    changed = sorted(key for key in {*known, *asked} if known.get(key) != asked.get(key))
    raise OutputError(
        f"{folder.path}: holds another study (it differs in {', '.join(changed)}); "
        "give --out a new folder, or repeat the command that started it to go on with it"
    )


def keep_file(source: Path, target: Path) -> None:
    """Copy a step's artifact to its place in the result, whole or not at all."""
    write_atomic(target, source.read_bytes())


def keep_tree(source: Path, target: Path) -> None:
    """Copy a folder (or file) artifact to its place in the result, in place of what an earlier run left there.

    Raises OutputError or OSError when that is impossible.
    """
    beside = target.with_name(f".{target.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        if source.is_dir():
            shutil.copytree(source, beside)
        else:
            beside.mkdir(parents=True)
            shutil.copy2(source, beside / source.name)
    except BaseException as error:
        # Half a model on a full disk would be in the way of the next try.
        shutil.rmtree(beside, ignore_errors=True)
        if isinstance(error, shutil.Error):
            _, place, reason = error.args[0][0]
            raise OutputError(f"{place}: cannot be copied from {source} ({reason})") from error
        raise
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)


def link_experiment(folder: RunFolder) -> None:
    """Put best.yaml where `--config-dir` and `experiment=best` find it: a link that moves with the folder."""
    link = folder.config_dir / "experiment" / "best.yaml"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(folder.best, link.parent))


def keep_trial_logs(folder: RunFolder) -> None:
    """`logs/trial-N.log` for every trial that has printed."""
    for log in folder.studies.glob("jobs/*/trials/*/log.txt"):
        keep_file(log, folder.path / "logs" / f"trial-{log.parent.name}.log")
