"""hydra-trial as a process that runs real apps."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import hydra
import pytest

from hydra_vertex.protocol import json as protocol_json
from hydra_vertex.protocol.explanation import parse_explanation
from trial.apps import TRAIN, hydra_trial, run, trial, write_app


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path)


def test_the_app_has_the_same_environment_as_without_hydra_trial(app: Path) -> None:
    alone = run(app, [sys.executable, "train.py", "opt=sgd", "lr=0.3"])
    under = trial(app, "--opt=sgd", "--lr=0.3")
    assert under.returncode == alone.returncode == 0
    assert under.stdout == alone.stdout
    assert under.stderr == "hydra-trial: metric = 0.6\n"


def test_a_module_runs_as_part_of_its_package(tmp_path: Path) -> None:
    module = TRAIN.replace("import hydra\n", "import hydra\n    from . import helper\n")
    files = {"pkg/__init__.py": "", "pkg/helper.py": "", "pkg/train.py": module, "pkg/conf/__init__.py": ""}
    write_app(tmp_path, **files)
    shutil.copytree(tmp_path / "conf", tmp_path / "pkg/conf", dirs_exist_ok=True)
    alone = run(tmp_path, [sys.executable, "-m", "pkg.train", "lr=3.0"])
    under = hydra_trial(tmp_path, "--", "python", "-m", "pkg.train", "--lr=3")
    assert alone.returncode == 0, alone.stderr
    assert under.stdout == alone.stdout


def test_a_measurement_is_written_where_the_service_reads_it(app: Path) -> None:
    ended = trial(app, "--lr=0.25", environ={"CLOUD_ML_HP_METRIC_FILE": "out/metrics", "CLOUD_ML_TRIAL_ID": "4"})
    assert ended.returncode == 0
    (line,) = (app / "out/metrics").read_text().splitlines()
    record = json.loads(line)
    assert (record["metric"], record["trial"]) == ("0.5", "4")


def test_the_apps_own_name_for_its_metric_is_used(app: Path) -> None:
    config = app / "conf/config.yaml"
    config.write_text(config.read_text() + "optimized_metric: val/${name}\n")
    assert "hydra-trial: val/foo = 0.2\n" in trial(app).stderr


def test_only_the_first_process_of_a_distributed_run_reports(app: Path) -> None:
    ended = trial(app, environ={"RANK": "1", "CLOUD_ML_HP_METRIC_FILE": "metrics"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not (app / "metrics").exists()


def test_an_app_that_returns_nothing_exits_as_without_hydra_trial(tmp_path: Path) -> None:
    write_app(tmp_path, TRAIN.replace("return cfg.lr * 2", "pass"))
    ended = trial(tmp_path, environ={"CLOUD_ML_HP_METRIC_FILE": "metrics"})
    assert ended.returncode == 0
    assert ended.stderr.startswith("hydra-trial: no measurement: the app returned None")
    assert not (tmp_path / "metrics").exists()


RUINED = """
        from pathlib import Path
        file = Path(os.environ["CLOUD_ML_HP_METRIC_FILE"])
        RUIN
"""


@pytest.mark.parametrize(
    ("ruin", "message"),
    [
        ("file.parent.write_text('')", "File exists"),
        ("os.makedirs(file)", "it is a folder, not a regular file"),
        ("file.parent.mkdir(); os.mkfifo(file)", "it is a FIFO, not a regular file"),
        ("file.parent.mkdir(); file.symlink_to(file)", "Too many levels of symbolic links"),
        ("file.parent.mkdir(); file.symlink_to('/dev/full')", "it is a character device, not a regular file"),
        ("os.makedirs(file.parent / '.metrics.lock')", "its lock file .metrics.lock cannot be opened: Is a directory"),
        (
            "file.parent.mkdir(); os.mkfifo(file.parent / '.metrics.lock')",
            "its lock file .metrics.lock cannot be opened: it is a FIFO, not a regular file",
        ),
    ],
)
def test_a_measurement_that_cannot_be_written_makes_the_trial_fail(tmp_path: Path, ruin: str, message: str) -> None:
    """Whatever the app has created at the path. A FIFO does not block."""
    body = RUINED.replace("RUIN", ruin)
    write_app(tmp_path, TRAIN.replace("import sys", "import os, sys").replace("        print(cfg)\n", body))
    ended = trial(tmp_path, environ={"CLOUD_ML_HP_METRIC_FILE": "out/metrics"})
    assert ended.returncode == 2
    assert f"out/metrics: the measurement metric=0.2 cannot be written: {message}\n" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("metric_file", "message"),
    [
        ("/dev/null", "/dev/null: is a character device"),
        ("/", "/: is a folder"),
        ("folder", "/folder: is a folder"),
        ("fifo", "/fifo: is a FIFO"),
        ("link-to-fifo", "/link-to-fifo: is a FIFO"),
        ("loop", "/loop: cannot be reached (Too many levels of symbolic links)"),
        ("train.py/metrics", "/train.py/metrics: cannot be reached (Not a directory)"),
        ("locked", "/.locked.lock: is a folder"),
        (f"{'x' * 252}", ".lock: cannot be reached (File name too long)"),
    ],
)
def test_an_unusable_metric_file_is_refused_before_the_app_runs(app: Path, metric_file: str, message: str) -> None:
    for folder in ("folder", ".locked.lock"):
        (app / folder).mkdir()
    os.mkfifo(app / "fifo")
    (app / "link-to-fifo").symlink_to("fifo")
    (app / "loop").symlink_to("loop")
    ended = trial(app, environ={"CLOUD_ML_HP_METRIC_FILE": metric_file})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert (
        f"{message}, so the trial's measurements cannot be written there; set $CLOUD_ML_HP_METRIC_FILE" in ended.stderr
    )
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "environ"), [(["--cfg", "job"], {}), ([], {"RANK": "1"}), (["-m", "lr=1,2"], {})], ids=str
)
def test_the_metric_file_is_not_checked_where_nothing_is_recorded(
    app: Path, arguments: list[str], environ: dict[str, str]
) -> None:
    ended = trial(app, *arguments, environ={"CLOUD_ML_HP_METRIC_FILE": "/dev/null", **environ})
    assert ended.returncode == 0, ended.stderr


def test_a_dangling_link_is_a_valid_metric_file(app: Path) -> None:
    (app / "metrics").symlink_to("deep/target")
    ended = trial(app, environ={"CLOUD_ML_HP_METRIC_FILE": "metrics"})
    assert (ended.returncode, ended.stderr) == (0, "hydra-trial: metric = 0.2\n")
    assert json.loads((app / "deep/target").read_text())["metric"] == "0.2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lrr=1"], "the app's config has no key 'lrr'; did you mean 'lr'?"),
        (["--steps=1.5"], "steps='1.5': the key is an int; expected a whole number"),
        (["--lr"], "--lr has no value"),
        ([f"--steps={'x' * 100_000}"], "xxx... (100000 characters)': the key is an int; expected a whole number"),
        ([f"--lrr={'x' * 100_000}"], "(100006 characters): the app's config has no key 'lrr'"),
    ],
)
def test_an_invalid_argument_is_refused_in_one_line_before_the_app_runs(
    app: Path, arguments: list[str], message: str
) -> None:
    ended = trial(app, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("hydra-trial: ")
    assert ended.stderr.count("\n") == 1
    assert message in ended.stderr
    assert not (app / "outputs").exists()


@pytest.mark.parametrize(
    ("body", "exit_code", "stderr"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('enough')", 1, "enough\n"),
        ("raise SystemExit", 0, ""),
    ],
)
def test_the_exit_code_is_the_apps(tmp_path: Path, body: str, exit_code: int, stderr: str) -> None:
    write_app(tmp_path, TRAIN.replace("return cfg.lr * 2", body))
    ended = trial(tmp_path, "--lr=1")
    assert (ended.returncode, ended.stderr) == (exit_code, stderr)


@pytest.mark.parametrize("place", ["return cfg.lr * 2", 'if __name__ == "__main__":'])
def test_a_failing_app_prints_the_same_traceback_as_without_hydra_trial(tmp_path: Path, place: str) -> None:
    write_app(tmp_path, TRAIN.replace(place, f"raise ValueError('boom')\n{' ' * (8 if 'cfg' in place else 4)}{place}"))
    alone = run(tmp_path, [sys.executable, "train.py", "lr=1.0"])
    under = trial(tmp_path, "--lr=1")
    assert under.returncode == alone.returncode == 1
    assert under.stderr == alone.stderr
    assert "boom" in under.stderr


def test_without_parameters_hydras_own_error_is_printed_unchanged(app: Path) -> None:
    ended = trial(app, "nope=3")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Could not override 'nope'.")


@pytest.mark.parametrize("flags", [["--cfg", "job"], ["--help"], ["--info", "config"], ["-m"]])
def test_flags_that_only_print_are_handled_by_hydra_and_nothing_is_reported(app: Path, flags: list[str]) -> None:
    ended = trial(app, "--lr=7", *flags, environ={"CLOUD_ML_HP_METRIC_FILE": "metrics"})
    assert ended.returncode == 0, ended.stderr
    assert "hydra-trial" not in ended.stderr
    assert "7.0" in ended.stdout
    assert not (app / "metrics").exists()


def test_the_config_flags_select_the_config_that_types_the_parameters(app: Path) -> None:
    (app / "more").mkdir()
    (app / "more/other.yaml").write_text("lr: 3\n")
    ended = trial(app, "--lr=4.0", "--config-dir", "more", "-cn", "other")
    assert ended.stdout.startswith("{'lr': 4}\n['train.py', '--config-dir', 'more', '-cn', 'other', 'lr=4']\n")


def test_arguments_that_the_app_adds_to_argv_are_kept(tmp_path: Path) -> None:
    write_app(tmp_path, TRAIN.replace("        main()", "        sys.argv.append('name=bar')\n        main()"))
    ended = trial(tmp_path, "--lr=2")
    assert "'name': 'bar'" in ended.stdout
    assert "['train.py', 'name=bar', 'lr=2.0']" in ended.stdout


def test_a_main_imported_by_name_is_wrapped(tmp_path: Path) -> None:
    train = TRAIN.replace("import hydra\n", "from hydra.main import main as hydra_main\n").replace(
        "@hydra.main", "@hydra_main"
    )
    write_app(tmp_path, train)
    assert "'lr': 2.0" in trial(tmp_path, "--lr=2").stdout


def test_an_app_that_catches_all_exceptions_still_exits_with_code_2(tmp_path: Path) -> None:
    caught = "        try:\n            main()\n        except Exception:\n            print('caught')"
    write_app(tmp_path, TRAIN.replace("        main()", caught))
    ended = trial(tmp_path, "--nope=2")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_parameters_that_the_app_never_received_are_an_error(tmp_path: Path) -> None:
    write_app(tmp_path, "print('hello')")
    ended = trial(tmp_path, "--lr=2")
    assert (ended.returncode, ended.stdout) == (2, "hello\n")
    assert "exited without calling hydra.main, so nothing received lr" in ended.stderr
    assert trial(tmp_path).returncode == 0


def test_spawned_processes_find_the_apps_functions(tmp_path: Path) -> None:
    train = """
        import multiprocessing

        import hydra


        def double(x):
            return 2 * x


        @hydra.main(config_path="conf", config_name="config", version_base=None)
        def main(cfg):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(double, [cfg.lr])


        if __name__ == "__main__":
            main()
        """
    write_app(tmp_path, train)
    ended = trial(tmp_path, "--lr=2")
    assert ended.stderr == "hydra-trial: metric = 4.0\n"


STRUCTURED = """
    from dataclasses import dataclass, field
    from enum import Enum
    from pathlib import Path
    from typing import Optional

    import hydra
    from hydra.core.config_store import ConfigStore


    class Color(Enum):
        RED = 1
        BLUE = 2


    @dataclass
    class Config:
        lr: float = 1
        limit: Optional[int] = None
        color: Color = Color.RED
        out: Path = Path("x")
        name: str = "n"
        layers: list[int] = field(default_factory=lambda: [1])


    ConfigStore.instance().store("config", Config)


    @hydra.main(config_name="config", version_base=None)
    def main(cfg):
        print([cfg.lr, cfg.limit, cfg.color, cfg.out, cfg.name, cfg.layers])


    if __name__ == "__main__":
        main()
    """


def test_a_config_without_files_is_typed_by_its_schema(tmp_path: Path) -> None:
    write_app(tmp_path, STRUCTURED)
    arguments = ["--lr=3", "--limit=64.0", "--color=2.0", "--out=a b", "--name=null", "--layers=[2,3]"]
    ended = trial(tmp_path, *arguments)
    assert ended.stdout == f"[3.0, 64, <Color.BLUE: 2>, {Path('a b')!r}, 'null', [2, 3]]\n"


def test_the_explanation_is_a_document_and_the_app_is_not_run(app: Path) -> None:
    ended = hydra_trial(app, "--explain", "--json", "x/e.json", "--", "python", "train.py", "--lr=1", "-cn", "config")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    explanation = parse_explanation(protocol_json.loads((app / "x/e.json").read_bytes()))
    assert explanation.program == ("python", "train.py", "-cn", "config")
    assert explanation.command == ("-cn", "config", "lr=1.0")
    assert explanation.overrides == ("lr=1.0",)
    assert explanation.composed.config["lr"] == 1.0
    assert not (app / "outputs").exists()


def test_the_explanation_as_text_ends_with_the_final_command_line(app: Path) -> None:
    ended = hydra_trial(app, "--explain", "--", "python", "train.py", "--name=it's", "-cn", "config")
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert re.fullmatch(r"--name=it's +value +str +name='it\\'s'", lines[1])
    assert lines[-1] == """python train.py -cn config 'name='"'"'it\\'"'"'s'"'"''"""


def test_options_of_the_interpreter_apply_to_the_app(tmp_path: Path) -> None:
    write_app(tmp_path, "import sys\nprint(sys.flags.optimize, sys._xoptions, sys.argv)")
    ended = hydra_trial(tmp_path, "--", "python", "-O", "-X", "a=b", "train.py", "x=1")
    assert ended.stdout == "1 {'a': 'b'} ['train.py', 'x=1']\n"


def test_another_interpreter_gets_the_same_arguments(tmp_path: Path) -> None:
    write_app(tmp_path, "import sys\nprint(sys.argv)")
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\necho "through $0"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    ended = hydra_trial(tmp_path, "--", str(python), "train.py", "x=1")
    assert ended.stdout == f"through {python}\n['train.py', 'x=1']\n", ended.stderr


def test_an_executable_script_runs_as_without_hydra_trial(app: Path) -> None:
    script = app / "my-train"
    script.write_text("#!/usr/bin/env python\n" + (app / "train.py").read_text())
    script.chmod(0o755)
    ended = hydra_trial(app, "--", "my-train", "--lr=2", environ={"PATH": f"{app}{os.pathsep}{os.environ['PATH']}"})
    assert f"['{script}', 'lr=2.0']" in ended.stdout


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["python", "nope.py"], "nope.py: no such Python file"),
        (["python", "-m", "no.such"], "python -m no.such: no runnable module of that name"),
        (["python", "-c", "1"], "python -c cannot be run as a Hydra app"),
        (["python"], "no script or module follows"),
        (["python9.9", "train.py"], "python9.9: no such interpreter"),
        (["/no/python", "train.py"], "/no/python: no such interpreter"),
        (["no-such-command"], "no-such-command: no such command"),
        (["python9.9", "-m", "torch.distributed.run", "train.py"], "python9.9: no such command"),
        (["env", "python", "-I", "train.py", "--lr=1"], "python -I ignores the environment"),
        (["--untyped", "--", "python", "train.py"], "python train.py is a Python app; leave --untyped out"),
        (["./broken"], "broken: cannot be started: Exec format error"),
    ],
)
def test_a_command_that_starts_no_app_is_refused(app: Path, command: list[str], message: str) -> None:
    (app / "broken").write_bytes(b"\x7fELF")
    (app / "broken").chmod(0o755)
    ended = hydra_trial(app, *(() if "--" in command else ("--",)), *command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.fixture
def program(app: Path) -> str:
    """A program that prints its arguments, one per line, and exits with 7."""
    path = app / "show"
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    path.chmod(0o755)
    return "./show"


def test_an_untyped_program_gets_its_parameters_quoted(app: Path, program: str) -> None:
    words = ["run", "-x", "db=pg", "--lr=0.10", "-cn", "other", "--name=a,b", "--n", "${x}", "~k"]
    ended = hydra_trial(app, "--untyped", "--alias", "n=text", "--", program, *words)
    own, flags = ["run", "-x"], ["-cn", "other"]
    overrides = ["db=pg", "lr=0.10", "name='a,b'", r"text='\${x}'", "~k"]
    assert ended.stdout.splitlines() == [*own, *flags, *overrides]
    assert ended.returncode == 7


def test_the_command_line_of_an_untyped_program_is_shown_without_running_it(app: Path, program: str) -> None:
    ended = hydra_trial(app, "--untyped", "--explain", "--", program, "--lr=1 2")
    assert (ended.returncode, ended.stdout) == (0, "./show 'lr='\"'\"'1 2'\"'\"''\n")
    ended = hydra_trial(app, "--untyped", "--explain", "--json", "x.json", "--", program, "--lr=1 2")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_launcher_of_processes_starts_hydra_trial(app: Path) -> None:
    pytest.importorskip("torch")
    (app / "train.py").write_text(RANKED)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "hydra_vertex.trial", "--metric", "loss", "train.py", "--lr=0.25", "--db=pg"]
    ended = run(app, command, {"CLOUD_ML_HP_METRIC_FILE": "metrics", "OMP_NUM_THREADS": "1"})
    assert ended.returncode == 0, ended.stderr
    assert sorted(ended.stdout.splitlines()) == ["rank 0 lr=0.25 db=pg", "rank 1 lr=0.25 db=pg"]
    (record,) = (app / "metrics").read_text().splitlines()
    assert json.loads(record)["loss"] == "0.25"


RANKED = """
import os, sys, hydra
@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(cfg):
    sys.stdout.write(f"rank {os.environ['RANK']} {' '.join(sys.argv[1:])}\\n")
    return cfg.lr
main()
"""


@pytest.mark.parametrize(
    ("arguments", "delivered"),
    [
        (["--+new.deep=64.0", "--+text=a,b"], ["+new.deep=64.0", "+text='a,b'"]),
        (["--++steps=64.0", "--++new=x"], ["++steps=64", "++new=x"]),
        (["--+new=1", "--new=2"], ["+new=1", "new=2"]),
        (["--+extra=some"], ["+extra=some"]),
    ],
)
def test_a_plus_adds_a_key_as_it_does_for_hydra(app: Path, arguments: list[str], delivered: list[str]) -> None:
    ended = trial(app, *arguments)
    assert f"{['train.py', *delivered]}" in ended.stdout, ended.stderr


def test_an_alias_maps_a_services_parameter_to_a_key(app: Path) -> None:
    ended = hydra_trial(
        app, "--alias", "rate=lr", "--alias", "new=+x.y", "--", "python", "train.py", "--rate=1", "--new=2"
    )
    assert "['train.py', 'lr=1.0', '+x.y=2']" in ended.stdout, ended.stderr


SPELLED = {
    "conf/config.yaml": """
        defaults:
          - my_opt: adam_w
        weight_decay: 0.0
        in-size: 3
        stages:
          - max_steps: 1
        a_b: 1
        a-b: 2
        """,
    "conf/my_opt/adam_w.yaml": "beta_1: 0.9",
    "conf/my_opt/sgd.yaml": "beta_1: 0.9",
}


@pytest.mark.parametrize(
    ("argument", "delivered"),
    [
        ("--weight-decay=1", "weight_decay=1.0"),
        ("--in_size=4.0", "in-size=4"),
        ("--stages.0.max-steps=2.0", "stages.0.max_steps=2"),
        ("--my-opt.beta-1=1", "my_opt.beta_1=1.0"),
        ("--my-opt=sgd", "my_opt=sgd"),
        ("--a_b=3.0", "a_b=3"),
        ("--a-b=3.0", "a-b=3"),
    ],
)
def test_a_dash_matches_an_underscore_and_vice_versa(tmp_path: Path, argument: str, delivered: str) -> None:
    if hydra.__version__.startswith("1.2") and "-" in delivered.partition("=")[0]:
        pytest.skip("Hydra 1.2 cannot express a key with a dash")
    write_app(tmp_path, **SPELLED)
    ended = hydra_trial(tmp_path, "--explain", "--", "python", "train.py", argument)
    assert ended.stdout.splitlines()[-1] == f"python train.py {delivered}", ended.stderr


def test_a_spelling_that_matches_two_keys_is_refused(tmp_path: Path) -> None:
    write_app(tmp_path, **{"conf/config.yaml": "a_b_c: 1\na-b-c: 2\n"})
    ended = trial(tmp_path, "--a-b_c=3")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "no key 'a-b_c'; it has a_b_c and a-b-c" in ended.stderr


def test_help_has_an_example_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys; from hydra_vertex.trial.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    ended = run(tmp_path, [sys.executable, "-c", code])
    assert "example:\n  hydra-trial --metric val/loss -- python train.py" in ended.stdout
    assert not {"hydra", "omegaconf", "hypertune", "subprocess", "shutil", "difflib"} & set(ended.stderr.split())


@pytest.mark.parametrize("arguments", [["--lr=0.25"], []], ids=["with parameters", "without"])
def test_hydras_own_output_is_written_beside_the_model_in_a_trial(app: Path, arguments: list[str]) -> None:
    ended = trial(app, *arguments, environ={"AIP_MODEL_DIR": str(app / "out 1" / "model") + "/"})
    assert ended.returncode == 0, ended.stderr
    assert (app / "out 1" / "hydra" / ".hydra" / "config.yaml").is_file()
    assert not (app / "outputs").exists()


@pytest.mark.parametrize(
    "config",
    ["hydra:\n  mode: MULTIRUN\n", "hydra:\n  mode: ${oc.env:MODE}\n"],
    ids=["set in the config", "set by the environment"],
)
def test_a_trial_is_one_run_also_when_the_config_sets_a_multirun(app: Path, config: str) -> None:
    path = app / "conf/config.yaml"
    path.write_text(path.read_text() + config)
    ended = trial(app, "--lr=0.25", environ={"MODE": "MULTIRUN", "CLOUD_ML_HP_METRIC_FILE": "metrics"})
    assert ended.returncode == 0, ended.stderr
    assert "Launching" not in ended.stdout
    assert '"metric": "0.5"' in (app / "metrics").read_text()
