"""An app that implements the trial protocol and measures given curves: `curve_app.py FOLDER CURVES`.

CURVES is a JSON list of the values of each trial. After a measurement the app waits for the file FOLDER/JOB-TRIAL-STEP,
which the test writes when the service has recorded it, so that a rule decides on every measurement.
"""

# It is started dozens of times with an isolated Python: no library but the standard one, and little of that.
# ruff: noqa: PTH110, PTH123
import json
import os
import sys
import time

FOLDER, CURVES = sys.argv[1:3]
TRIAL = os.environ["CLOUD_ML_TRIAL_ID"]
METRIC_FILE = os.environ["CLOUD_ML_HP_METRIC_FILE"]
WAIT_LIMIT_S = 60
TIME_TO_DECIDE_S = 0.2

for step, value in enumerate(json.loads(CURVES)[int(TRIAL) - 1], start=1):
    record = {"timestamp": time.time(), "trial": TRIAL, "loss": str(value), "global_step": str(step)}
    with open(METRIC_FILE, "a") as file:
        file.write(json.dumps(record) + "\n")
    give_up = time.monotonic() + WAIT_LIMIT_S
    while not os.path.exists(f"{FOLDER}/{TRIAL}-{step}") and time.monotonic() < give_up:
        time.sleep(0.01)
    time.sleep(TIME_TO_DECIDE_S)
