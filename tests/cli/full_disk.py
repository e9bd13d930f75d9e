"""Runs a study on a small disk that becomes full: `unshare -Urm python -m cli.full_disk FOLDER STAGE`.

Prints the exit code and the stderr of the run as JSON, or fails with a traceback. The disk is unmounted with the mount
namespace when this program exits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.apps import environment, make_project
from service.small_disk import fill

SIZE = "40m"
APP = """
import os
from pathlib import Path

import hydra
from service.small_disk import fill

DISK, STAGE = Path(os.environ["DISK"]), os.environ["STAGE"]
IS_TRIAL = bool(os.environ.get("CLOUD_ML_TRIAL_ID"))

def fill_once():
    if not (DISK.parent / "filled").exists():
        (DISK.parent / "filled").touch()
        fill(DISK / "filler")

if STAGE == "select" and not IS_TRIAL and any(DISK.glob("out/pipeline/*/tune/job")):
    fill_once()

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    import time
    if IS_TRIAL:
        time.sleep(config.sleep_s)
        return config.lr
    model = Path(os.environ["AIP_MODEL_DIR"])
    model.mkdir(parents=True, exist_ok=True)
    if STAGE == "retrain":
        fill_once()
    if STAGE == "stalled retrain":
        fill_once()
        while (DISK / "filler").exists():
            time.sleep(0.1)
        time.sleep(2.5)
    # In the stage `gather` the disk has space for one of these files, not for two.
    is_large = STAGE == "gather" and (DISK.parent / "first").exists()
    (model / "weights").write_bytes(bytes(18 << 20 if is_large else 1000))
    return config.lr

if __name__ == "__main__":
    main()
"""
SEARCH = """
optimized_metric: loss
hydra: {sweeper: {direction: minimize, n_trials: 3, n_jobs: 2, params: {lr: "interval(0.1, 1)"}}}
"""


class Study:
    """A project and a small disk beside it, on which the run has its output folder."""

    def __init__(self, folder: Path, stage: str) -> None:
        self.folder, self.stage, self.disk = folder, stage, folder / "disk"
        self.filler, self.log = self.disk / "filler", folder / "stderr"
        project = make_project(folder)
        project.write("app.py", APP)
        project.write("search.yaml", SEARCH)
        config = (folder / "conf/config.yaml").read_text()
        project.write("conf/config.yaml", config.replace("sleep_s: 0.0", "sleep_s: 1.0"))
        (folder / "first").touch()
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.disk)], check=True)

    def start(self) -> subprocess.Popen[bytes]:
        options = ("--search", "search.yaml", "--out", str(self.disk / "out"))
        command = [sys.executable, "-m", "hydra_vertex.cli.main", "run", *options, "--", "python", "app.py"]
        environ = {**environment(), "DISK": str(self.disk), "STAGE": self.stage}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env=environ, start_new_session=True
            )

    def stderr(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, condition: Callable[[], object], limit_s: float = 90.0) -> float:
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < limit_s, self.stderr()
            time.sleep(0.02)
        return time.monotonic() - began

    def trials_run(self) -> bool:
        return len(list(self.disk.glob("out/studies/jobs/*/trials/*/log.txt"))) >= 2

    def finish(self) -> None:
        """Free the space and check that the same command continues the run to success."""
        self.filler.unlink(missing_ok=True)
        (self.folder / "first").unlink()
        assert self.start().wait(120) == 0, self.stderr()
        assert (self.disk / "out/model/weights").stat().st_size == 1000
        assert len(json.loads((self.disk / "out/job.json").read_text())["trials"]) == 3


def run(folder: Path, stage: str) -> dict[str, object]:
    study = Study(folder, stage)
    reported_after_s = 0.0
    if stage == "start":
        fill(study.filler)
    process = study.start()
    if stage in {"tuning", "tuning, Ctrl-C"}:
        study.wait_until(study.trials_run)
        fill(study.filler)
        reported_after_s = study.wait_until(lambda: "is full" in study.stderr())
    if stage == "tuning, Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)
    if stage == "tuning":
        study.filler.unlink()
    if stage == "stalled retrain":
        study.wait_until(study.filler.exists)
        reported_after_s = study.wait_until(lambda: "is full" in study.stderr())
        study.filler.unlink()
    code = process.wait(120)
    stderr = study.stderr()
    if code != 0:
        study.finish()
    return {"code": code, "stderr": stderr, "reported_after_s": reported_after_s}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), sys.argv[2])))
