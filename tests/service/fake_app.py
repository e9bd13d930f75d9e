"""An app that implements the trial protocol with the standard library: `fake_app.py FOLDER BEHAVIOUR --x=1.0 …`.

It appends `start ID PID` and `end ID PID` to FOLDER/ledger; BEHAVIOUR selects what it does in between.
"""

# The tests start it hundreds of times; importing pathlib would take as long as the rest of the program:
# ruff: noqa: PTH108, PTH110, PTH119, PTH120, PTH123
import json
import os
import signal
import sys
import time

FOLDER, BEHAVIOUR, *ARGUMENTS = sys.argv[1:]
TRIAL = os.environ["CLOUD_ML_TRIAL_ID"]
METRIC_FILE = os.environ["CLOUD_ML_HP_METRIC_FILE"]
WAIT_LIMIT_S = 60


def note(event):
    with open(f"{FOLDER}/ledger", "a") as ledger:
        ledger.write(f"{event} {TRIAL} {os.getpid()}\n")


def records_of(values, metric="loss", first_step=1):
    return [
        {"timestamp": time.time(), "trial": TRIAL, metric: str(value), "global_step": str(step), "checkpoint_path": ""}
        for step, value in enumerate(values, start=first_step)
    ]


def write(records, mode):
    with open(METRIC_FILE, mode) as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def report(*values, metric="loss", first_step=1):
    write(records_of(values, metric, first_step), "a")


def report_many(rounds):
    """Rewrite the file at each report with the last 100 records, as cloudml-hypertune does."""
    records: list[str] = []
    for step in range(1, 80 * rounds + 1):
        records = [*records, *records_of([step], first_step=step)][-100:]
        write(records, "w")
        if step % 80 == 0:
            wait_for(f"go-{step}")


def wait_for(name):
    give_up = time.monotonic() + WAIT_LIMIT_S
    while not os.path.exists(f"{FOLDER}/{name}") and time.monotonic() < give_up:
        time.sleep(0.01)


def print_arguments_and_environment():
    print(json.dumps({"arguments": ARGUMENTS, "environ": dict(os.environ)}))


def flood():
    for _ in range(2000):
        print("x" * 2000)


note("start")
match BEHAVIOUR:
    case "report":
        report(float(dict(argument[2:].split("=") for argument in ARGUMENTS)["x"]))
    case "curve":
        report(5, 1, 3)
    case "slow-curve":
        for step, value in enumerate((3, 2, float(TRIAL)), start=1):
            time.sleep(0.08)
            report(value, first_step=step)
    case "many-reports":
        report_many(4)
    case "measure-and-tidy-up":
        report(9, 8, 7)
        wait_for(f"go-{TRIAL}")
        os.unlink(METRIC_FILE)
        wait_for(f"go-on-{TRIAL}")
        report(6, first_step=4)
    case "measure-less-each-time":
        # Four reports in the first start, and one less in each later start.
        with open(f"{FOLDER}/ledger") as ledger:
            again = ledger.read().count(f"start {TRIAL} ") - 1
        report(*[10 * again + step for step in range(1, 5 - again)])
        wait_for(f"go-{TRIAL}-{again}")
    case "gated":
        wait_for(f"go-{TRIAL}")
        report(float(TRIAL))
    case "gated-stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        wait_for(f"go-{TRIAL}")
    case "measure-then-gated":
        report(7)
        wait_for(f"go-{TRIAL}")
        report(8)
    case "good-then-bad":
        # The first five trials finish; the sixth reports bad values and runs until it is released or ended.
        if int(TRIAL) <= 5:
            report(5, 3, 1)
        else:
            report(9, 8.5)
            wait_for(f"go-{TRIAL}")
    case "bad-and-stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        report(9, 8.5) if int(TRIAL) > 5 else report(5, 3, 1)
        if int(TRIAL) > 5:
            wait_for(f"go-{TRIAL}")
    case "measure-and-wait":
        report(*range(9, 9 - int(TRIAL), -1))
        wait_for(f"go-{TRIAL}")
    case "who":
        print_arguments_and_environment()
        report(1)
    case "stop-supervisor":
        report(7)
        os.kill(os.getppid(), signal.SIGSTOP)
        wait_for(f"go-{TRIAL}")
    case "forge-exit":
        # As if it had succeeded while no service was running.
        report(7)
        with open(f"{os.path.dirname(METRIC_FILE)}/exit.json", "w") as file:
            json.dump({"started": time.time(), "ended": time.time(), "code": 0, "token": ""}, file)
        os.kill(os.getppid(), signal.SIGKILL)
        wait_for(f"go-{TRIAL}")
    case "fill-shared-memory":
        with open(f"/dev/shm/{os.path.basename(FOLDER)}-{os.getpid()}", "wb") as file:  # noqa: S108 - shared memory
            file.write(bytes(64 << 20))
        wait_for(f"go-{TRIAL}")
    case "crash":
        print("\x1b[31mboom\x1b[0m")
        sys.exit(3)
    case "die":
        os.kill(os.getpid(), signal.SIGKILL)
    case "nothing":
        pass
    case "nan":
        report(1, "nan")
    case "other-metric":
        report(1, metric="accuracy")
    case "two-metrics":
        report(3, 2)
        report(0.5, metric="accuracy")
    case "garbage":
        with open(METRIC_FILE, "ab") as file:
            file.write(b'\xff\xfe not json\n[1]\n{"loss": "?"}\n{"loss": []}\n')
        report(2)
    case "flood":
        flood()
        report(1)
    case "mixed":
        {"1": lambda: sys.exit(1), "2": lambda: report("nan"), "3": flood, "4": lambda: time.sleep(60)}.get(
            TRIAL, lambda: report(float(TRIAL))
        )()
note("end")
