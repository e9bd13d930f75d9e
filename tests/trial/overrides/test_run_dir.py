from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.trial.overrides.arguments import parse_arguments
from hydra_vertex.trial.overrides.run_dir import run_dir_override, sweep_overrides
from trial.apps import TRAIN, hydra_trial, write_app

# Restarts itself as Lightning's DDP does for further ranks: with the same arguments, followed by `hydra.run.dir`.
_DDP = TRAIN.replace(
    "print(cfg)",
    """if "LOCAL_RANK" not in os.environ:
            rank = f'hydra.run.dir="{HydraConfig.get().run.dir}"', "hydra.job.name=rank1", "hydra.output_subdir=null"
            subprocess.run([sys.executable, *sys.argv, *rank], env={**os.environ, "LOCAL_RANK": "1"}, check=True)
        print(HydraConfig.get().runtime.output_dir)""",
).replace(
    "import sys\n",
    "import os\n    import subprocess\n    import sys\n    from hydra.core.hydra_config import HydraConfig\n",
)


@pytest.mark.parametrize(
    ("model_dir", "override"),
    [
        ("/out/7/model/", "hydra.run.dir='/out/7/hydra'"),
        ("/out/7/model", "hydra.run.dir='/out/7/hydra'"),
        ("/it's/${x}/model/", r"hydra.run.dir='/it\'s/\${x}/hydra'"),
        ("", None),
        ("gs://no-such-bucket/7/model/", None),
    ],
)
def test_hydra_writes_beside_the_model(model_dir: str, override: str | None) -> None:
    assert run_dir_override({"AIP_MODEL_DIR": model_dir}, parse_arguments(["lr=1"])) == override


@pytest.mark.parametrize(
    "argument",
    ["hydra.run.dir=mine", "++hydra.run.dir=mine", "--hydra.run.dir=mine", "--multirun", "-m", "--help", "--cfg=job"],
)
def test_no_run_dir_is_added_when_the_command_line_sets_it_or_prevents_a_run(argument: str) -> None:
    assert run_dir_override({"AIP_MODEL_DIR": "/out/7/model/"}, parse_arguments(["lr=1", argument])) is None


def test_no_run_dir_is_added_outside_a_trial() -> None:
    assert run_dir_override({}, parse_arguments(["lr=1"])) is None


SWEEP = {"HYDRA_TRIAL_SWEEP_DIR": "/it's/a sweep", "CLOUD_ML_TRIAL_ID": "3"}


def test_a_job_of_a_sweep_writes_into_the_folder_that_a_multirun_gives_it() -> None:
    folder = r"hydra.sweep.dir='/it\'s/a sweep'"
    assert sweep_overrides(SWEEP, parse_arguments(["lr=1"])) == (
        folder,
        "hydra.run.dir=${hydra.sweep.dir}/${hydra.sweep.subdir}",
    )


@pytest.mark.parametrize("argument", ["hydra.run.dir=mine", "--hydra.run.dir=mine", "--multirun", "--help"])
def test_a_job_of_a_sweep_keeps_the_folder_of_its_command_line(argument: str) -> None:
    assert sweep_overrides(SWEEP, parse_arguments(["lr=1", argument])) == ()


@pytest.mark.parametrize("missing", SWEEP)
def test_a_trial_of_another_study_and_a_retraining_are_no_job_of_a_sweep(missing: str) -> None:
    environ = {name: value for name, value in SWEEP.items() if name != missing}
    assert sweep_overrides(environ, parse_arguments(["lr=1"])) == ()


def test_the_output_of_a_job_of_a_sweep_is_linked_to_where_trials_have_it(tmp_path: Path) -> None:
    app = write_app(tmp_path, TRAIN)
    sweep, model_dir = app / "the sweep", app / "outputs/3/model"
    environ = {"AIP_MODEL_DIR": f"{model_dir}/", "HYDRA_TRIAL_SWEEP_DIR": str(sweep), "CLOUD_ML_TRIAL_ID": "3"}
    words = ("hydra.sweep.subdir='job ${hydra:job.num}'", "--lr=1")
    ended = hydra_trial(app, "--", "python", "train.py", *words, environ=environ)
    assert ended.returncode == 0, ended.stderr
    assert (sweep / "job 2/.hydra/config.yaml").is_file()
    assert model_dir.with_name("hydra").readlink() == sweep / "job 2"


def test_ranks_that_the_app_starts_write_into_the_folder_of_the_first(tmp_path: Path) -> None:
    app = write_app(tmp_path, _DDP)
    model_dir = app / "it's 1" / "model"
    ended = hydra_trial(app, "--", "python", "train.py", "--lr=1", environ={"AIP_MODEL_DIR": f"{model_dir}/"})
    assert ended.returncode == 0, ended.stderr
    folder = model_dir.with_name("hydra")
    assert ended.stdout.splitlines().count(str(folder)) == 2
    assert {path.name for path in folder.iterdir()} == {".hydra", "train.log", "rank1.log"}
    assert not (app / "outputs").exists()


def test_ranks_that_a_launcher_starts_write_into_one_folder(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    for rank in ("0", "1"):
        environ = {"AIP_MODEL_DIR": str(app / "out/model"), "RANK": rank}
        assert hydra_trial(app, "train.py", environ=environ).returncode == 0
    assert {path.name for path in (app / "out").iterdir()} == {"hydra"}
