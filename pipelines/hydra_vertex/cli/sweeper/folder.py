"""The folder of a sweep, `hydra.sweep.dir`: its files, and which earlier sweep the same command continues.

::

    0/ 1/ …                  Hydra's output folder of each trial on this machine, as of each job of a multirun
    optimization_results.yaml  best.yaml  report.html     the result
    multirun.yaml            the composed config, as Hydra's own sweeper writes it
    search.yaml  sweep.json  the search file of the study; what identifies the sweep
    study/                   the folder of `hydra-vertex run`, or of `hydra-vertex tune`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from hydra_vertex.job import JobState
from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import JOB_FILE, PLAN_FILE
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.json import JsonObject

from .destination import ENDPOINT

NOW = "<now>"
_FAILED = frozenset({JobState.FAILED.value, JobState.EXPIRED.value})
_CANCELLED = frozenset({JobState.CANCELLED.value, JobState.CANCELLING.value})
"""States in which a job elsewhere has ended: a study on this machine goes on after them."""
_TIME = re.compile(r"\$\{now:[^{}]*\}")


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """The folder of a sweep; the path is absolute."""

    path: Path

    @property
    def identity(self) -> Path:
        """What identifies the sweep. A folder that has this file is the folder of a sweep."""
        return self.path / "sweep.json"

    @property
    def search(self) -> Path:
        """The search file of the study."""
        return self.path / "search.yaml"

    @property
    def study(self) -> Path:
        """The folder of `hydra-vertex run`, or of `hydra-vertex tune`."""
        return self.path / "study"

    @property
    def results(self) -> Path:
        """The result in the form of hydra-optuna-sweeper; a finished sweep has it."""
        return self.path / "optimization_results.yaml"


def folder_of(resolved: Path, pattern: str, identity: JsonObject) -> SweepFolder:
    """Return the folder of the sweep: that of an unfinished sweep of the same command, else `resolved`.

    `pattern` is `resolved` with NOW in the place of the time; without one, only `resolved` itself is looked at. Raises
    OutputError when `resolved` has the sweep of another command.
    """
    folder = SweepFolder(resolved.absolute())
    if folder.identity.exists():
        _require_same(folder, identity)
        return folder
    same = [earlier for earlier in _earlier(pattern) if _is_unfinished(earlier, identity)]
    return max(same, key=lambda earlier: earlier.identity.stat().st_mtime, default=folder)


def without_time(written: str) -> str:
    """Return `hydra.sweep.dir` as a config has it, with NOW in the place of the time."""
    return _TIME.sub(NOW, written)


def _earlier(pattern: str) -> Iterator[SweepFolder]:
    if NOW in pattern:
        found = Path("*".join(map(escape, pattern.split(NOW))), "sweep.json")
        for path in Path(found.anchor).glob(str(found.relative_to(found.anchor))):
            yield SweepFolder(path.parent.absolute())


def _is_unfinished(folder: SweepFolder, identity: JsonObject) -> bool:
    try:
        known = load_json(folder.identity, PLAN_FILE)
        is_ended = folder.results.exists() or _has_failed(folder, is_elsewhere=ENDPOINT in identity)
    except (UserError, OSError):
        return False
    return known == identity and not is_ended


def _has_failed(folder: SweepFolder, *, is_elsewhere: bool) -> bool:
    """Whether the study has ended without success, which the same study would do again at once."""
    job = folder.study / "job.json"
    document = load_json(job, JOB_FILE) if job.exists() else {}
    state = document.get("state") if isinstance(document, dict) else None
    return state in (_FAILED | _CANCELLED if is_elsewhere else _FAILED)


def _require_same(folder: SweepFolder, identity: JsonObject) -> None:
    known = load_json(folder.identity, PLAN_FILE)
    before = known if isinstance(known, dict) else {}
    changed = sorted(name for name in {*before, *identity} if before.get(name) != identity.get(name))
    if changed:
        raise OutputError(
            f"hydra.sweep.dir is {folder.path}, which has the sweep of another command (different: "
            f"{', '.join(changed)}); give another hydra.sweep.dir, or repeat that command to continue its sweep"
        )
