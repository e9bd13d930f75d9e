"""A worker of a trial of several workers: `fake_worker.py FOLDER BEHAVIOUR --x=1.0 …`, with the standard library.

It writes its environment to FOLDER/<trial>-<pool>-<replica>.json, whole. BEHAVIOUR selects what it does then.
"""

import json
import os
import sys
import time
from pathlib import Path

FOLDER, BEHAVIOUR, *ARGUMENTS = sys.argv[1:]
CLUSTER = json.loads(os.environ["CLUSTER_SPEC"])
TASK = CLUSTER["task"]
POOL, REPLICA = int(TASK["type"].removeprefix("workerpool")), TASK["index"]
TRIAL = os.environ["CLOUD_ML_TRIAL_ID"]


def wait_for(path):
    give_up = time.monotonic() + 60
    while not path.exists() and time.monotonic() < give_up:
        time.sleep(0.02)


def report(value):
    record = {"timestamp": time.time(), "trial": TRIAL, "loss": str(value), "global_step": "1", "checkpoint_path": ""}
    with Path(os.environ["CLOUD_ML_HP_METRIC_FILE"]).open("a") as file:
        file.write(json.dumps(record) + "\n")


seen = Path(FOLDER, f"{TRIAL}-{POOL}-{REPLICA}.json")
part = seen.with_suffix(".part")
part.write_text(json.dumps({"arguments": ARGUMENTS, "environ": dict(os.environ), "pid": os.getpid()}))
part.replace(seen)
is_last = (POOL, REPLICA) == (1, 1)
match BEHAVIOUR:
    case "report":
        if POOL == 0:
            # The chief's end ends the others, also those that have not written their file yet.
            for pool, hosts in CLUSTER["cluster"].items():
                for replica in range(len(hosts)):
                    wait_for(Path(FOLDER, f"{TRIAL}-{pool.removeprefix('workerpool')}-{replica}.json"))
            report(5)
    case "last-reports":
        if is_last:
            report(7)
            Path(FOLDER, "reported").touch()
        wait_for(Path(FOLDER, "reported"))
    case "last-fails":
        if is_last:
            print("no more memory")
            sys.exit(4)
        wait_for(Path(FOLDER, "never"))
    case "gated":
        wait_for(Path(FOLDER, f"go-{TRIAL}"))
        if POOL == 0:
            report(int(TRIAL))
