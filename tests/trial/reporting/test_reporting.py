"""`hydra_vertex.trial.report`, called as by an app."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import MetricError, OutputError
from hydra_vertex.trial import report
from trial.apps import run, trial, write_app

numpy = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

NOT_SET = ("CLOUD_ML_HP_METRIC_FILE", "CLOUD_ML_TRIAL_ID", "RANK", "LOCAL_RANK", "NODE_RANK", "CLUSTER_SPEC")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NOT_SET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "metrics"))
    return tmp_path / "metrics"


def lines(file: Path) -> list[tuple[str, str]]:
    """Return step and value of each record of the metric `loss`."""
    return [(record["global_step"], record["loss"]) for record in map(json.loads, file.read_text().splitlines())]


def test_scalars_of_any_library_are_recorded_with_consecutive_steps(file: Path) -> None:
    for value in (3, 2.5, numpy.float64(2), torch.tensor(1.5)):
        report("loss", value)
    assert lines(file) == [("1", "3.0"), ("2", "2.5"), ("3", "2.0"), ("4", "1.5")]


def test_a_given_step_is_kept_while_steps_increase(file: Path) -> None:
    for step in (0, numpy.int64(10), torch.tensor(20), 20, 5):
        report("loss", 1, step)
    assert [step for step, _ in lines(file)] == ["0", "10", "20", "21", "22"]


@pytest.mark.parametrize("value", [math.nan, math.inf, torch.tensor(-math.inf)])
def test_a_value_that_is_not_finite_is_logged_and_not_recorded(
    file: Path, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    report("loss", value)
    assert not file.exists()
    assert capsys.readouterr().err == (
        f"hydra-trial: no measurement: the app reported loss = {float(value)}, which is not a finite number\n"  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("name", "value", "step", "message"),
    [
        ("trial", 1.0, None, "a field of the metric file's records"),
        ("val loss", 1.0, None, "must not contain whitespace"),
        ("loss", "low", None, "loss: the app reported str 'low', which is not a number"),
        ("loss", True, None, "loss: the app reported bool True"),
        ("loss", 10**400, None, "too large for a double"),
        ("loss", 1.0, 0.5, r"loss: the step is 0\.5; expected a whole number"),
        ("loss", 1.0, -1, "loss: the step is -1; expected 0 to 9223372036854775807"),
        ("loss", 1.0, 2**63, "loss: the step is beyond 64 bits; expected 0 to"),
    ],
)
@pytest.mark.parametrize("rank", ["0", "1"])
def test_invalid_arguments_are_refused_in_every_rank(
    file: Path, monkeypatch: pytest.MonkeyPatch, rank: str, name: str, value: object, step: object, message: str
) -> None:
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(MetricError, match=message):
        report(name, value, step)
    assert not file.exists()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_step_with_too_many_digits_for_python_is_refused(file: Path, sign: int) -> None:
    with pytest.raises(MetricError, match="loss: the step is beyond 64 bits; expected 0 to"):
        report("loss", 1.0, sign * 10**5000)


def test_nothing_is_written_outside_a_trial(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUD_ML_HP_METRIC_FILE")
    report("loss", 1.0)
    assert list(file.parent.iterdir()) == []


def test_only_the_first_rank_writes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    report("loss", 1.0)
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("")
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(file / "metrics"))
    with pytest.raises(OutputError, match=r"metrics/metrics: the measurement loss=1\.0 cannot be written"):
        report("loss", 1.0)


def test_importing_the_function_imports_no_other_module(tmp_path: Path) -> None:
    code = "import sys; had = set(sys.modules); import hydra_vertex.trial; print(*sorted(set(sys.modules) - had))"
    ended = run(tmp_path, [sys.executable, "-c", code])
    assert ended.stdout == "__future__ hydra_vertex hydra_vertex.trial\n"


APP = """
    import os

    import hydra
    from hydra_vertex.trial import report


    @hydra.main(config_path="conf", config_name="config", version_base="1.3")
    def main(cfg):
        assert os.getcwd().count("outputs") or os.getcwd().count("multirun"), "the app was to be in a folder of its own"
        report("metric", 3)
        report("metric", cfg.lr, step=50)
        return 1


    if __name__ == "__main__":
        main()
    """


def test_an_app_that_changes_its_working_directory_reports_into_the_same_file(tmp_path: Path) -> None:
    ended = trial(
        write_app(tmp_path, APP), "--lr=2", "hydra.job.chdir=true", environ={"CLOUD_ML_HP_METRIC_FILE": "metrics"}
    )
    assert (ended.returncode, ended.stderr) == (0, "hydra-trial: metric = 1.0\n")
    records = [json.loads(line) for line in (tmp_path / "metrics").read_text().splitlines()]
    assert [(record["global_step"], record["metric"]) for record in records] == [
        ("1", "3.0"),
        ("50", "2.0"),
        ("51", "1.0"),
    ]


def test_a_multirun_reports_nothing(tmp_path: Path) -> None:
    ended = trial(
        write_app(tmp_path, APP),
        "--multirun",
        "lr=1,2",
        "hydra.job.chdir=true",
        environ={"CLOUD_ML_HP_METRIC_FILE": "metrics"},
    )
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "metrics").exists()


def test_a_process_that_torch_started_gets_its_rank_from_the_process_group(file: Path) -> None:
    code = """
        import sys
        import torch.distributed as distributed
        from hydra_vertex.trial import report

        rank = int(sys.argv[1])
        store = distributed.FileStore(sys.argv[2], 2)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
        report("loss", rank + 1)
        distributed.barrier()
        distributed.destroy_process_group()
        """
    (file.parent / "train.py").write_text("\n".join(line[8:] for line in code.splitlines()))
    main = (
        "import subprocess, sys\n"
        "ranks = [subprocess.Popen([sys.executable, 'train.py', rank, 'store']) for rank in '01']\n"
        "sys.exit(max(rank.wait() for rank in ranks))"
    )
    ended = run(file.parent, [sys.executable, "-c", main], {"CLOUD_ML_HP_METRIC_FILE": str(file)})
    assert ended.returncode == 0, ended.stderr
    assert lines(file) == [("1", "1.0")]
