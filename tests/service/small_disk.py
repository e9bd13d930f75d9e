"""Run a study on a small disk that is filled and freed again: `unshare -Urm python -m service.small_disk FOLDER`.

It prints the states of the job and its trials, and fails with a traceback. The disk exists only in its namespace.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

from service.harness import PARENT, is_running, job_document, pid_of, release, serving, started, wait_until


def fill(path: Path) -> None:
    """Write to a file until no byte is free on its disk."""
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def run(folder: Path) -> None:
    """Run a study in which two of four trials, and their supervisors, end while the disk is full."""
    disk, app = folder / "disk", folder / "app"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    with serving(disk / "studies", log=folder / "log") as client:
        name = client.create(job_document(app, "measure-and-wait", trials=4, parallel=2))
        wait_until(lambda: len(started(app)) == 2 and len(client.get(name)["trials"]) == 2)
        ended = [pid_of(app, "1"), pid_of(app, "2")]
        fill(disk / "filler")
        release(app, "1", "2", "3", "4")
        wait_until(lambda: not any(map(is_running, ended)))
        refused = client.http.post(f"{PARENT}/hyperparameterTuningJobs", json=job_document(app, "report"))
        assert refused.json()["error"]["status"] == "UNAVAILABLE", refused.text
        assert [trial["state"] for trial in client.get(name)["trials"]] == ["ACTIVE"] * 2
        (disk / "filler").unlink()
        job = client.finished(name)
    print(json.dumps([job["state"], sorted(started(app)), [trial["state"] for trial in job["trials"]]]))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
