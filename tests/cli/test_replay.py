"""`hydra-vertex replay`: its table and its JSON, each kind of source, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from conftest import ROOT
from hydra_vertex.cli.main import main
from hydra_vertex.job import (
    Algorithm,
    DecayCurveStopping,
    MedianStopping,
    MetricSpec,
    TrialJobSpec,
    TrialState,
    WorkerPoolSpec,
    save_job,
)
from hydra_vertex.job.enums import Goal
from service.replay.studies import ended_trial, falling, job_of, stopped_trial

SCHEMA = json.loads((ROOT / "docs/schemas/replay.schema.json").read_text())
FAST = ("--resamples", "3")
CURVES = [falling(1 + number % 5) for number in range(12)]


def write_job(path: Path = Path("job.json")) -> None:
    save_job(job_of([ended_trial(n, curve) for n, curve in enumerate(CURVES, start=1)], parallel=4), path)


def write_cut_job(path: Path) -> None:
    whole = [ended_trial(n, curve) for n, curve in enumerate(CURVES[:11], start=1)]
    save_job(job_of([*whole, stopped_trial(12, falling(9)[:3])], parallel=4, rule=DecayCurveStopping()), path)


def write_optuna(file: str, *, journal: bool = False) -> None:
    """Write a study with curves as Optuna does it, one trial of which is pruned."""

    def objective(trial: optuna.Trial) -> float:
        end = trial.suggest_float("x", 1, 2) if trial.number < 11 else 9.0
        for step, value in enumerate(falling(end)):
            trial.report(value, step)
            if trial.number == 11 and step == 2:
                raise optuna.TrialPruned
        return end

    backend = optuna.storages.journal.JournalFileBackend(file)
    storage = optuna.storages.JournalStorage(backend) if journal else f"sqlite:///{file}"
    study = optuna.create_study(storage=storage, study_name="sweep", direction="minimize")
    study.optimize(objective, n_trials=12)


def write_diverging(file: str, *, direction: str = "minimize") -> None:
    """Write a study with curves in which some trials diverge: two are pruned, one completes with an infinite value."""
    diverging = {2: math.nan, 5: math.inf, 8: -math.inf}

    def objective(trial: optuna.Trial) -> float:
        end = trial.suggest_float("x", 1, 2)
        last = diverging.get(trial.number, end)
        for step, value in enumerate([*falling(end, 6), last, last]):
            trial.report(value, step)
        if trial.number in {2, 5}:
            raise optuna.TrialPruned
        return last

    study = optuna.create_study(storage=f"sqlite:///{file}", study_name="sweep", direction=direction)
    study.optimize(objective, n_trials=12)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code = main(["replay", *arguments, "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    document: dict[str, Any] = json.loads(printed.out)
    return document


def faults(value: Any, schema: dict[str, Any], path: str = "$") -> Iterator[str]:
    """Yield where a value differs from the form: types, constants, and fields that are missing or not in it."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] | {
            key: schema[key] for key in schema if key != "$ref"
        }
    if "const" in schema and value != schema["const"]:
        yield f"{path}: {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r}"
    kinds = schema.get("type", [])
    if kinds and kind_of(value) not in accepted(kinds):
        yield f"{path}: {kind_of(value)} is not {kinds}"
    if isinstance(value, dict):
        properties = schema["properties"]
        yield from (f"{path}.{key}: missing" for key in schema["required"] if key not in value)
        yield from (f"{path}.{key}: not in the form" for key in value if key not in properties)
        for key in value.keys() & properties.keys():
            yield from faults(value[key], properties[key], f"{path}.{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults(item, schema["items"], f"{path}[{index}]")


def kind_of(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")


def accepted(kinds: str | list[str]) -> set[str]:
    named = {kinds} if isinstance(kinds, str) else set(kinds)
    return named | ({"integer"} if "number" in named else set())


@pytest.mark.parametrize(
    "arguments",
    [
        ("job.json",),
        ("job.json", "--resamples", "0", "--hourly-price", "2 EUR"),
        ("job.json", "--trials", "6,18", "--parallel", "1,8", *FAST, "--hourly-price", "2"),
        ("cut.json", "--early-stopping", "none,recorded,convex", *FAST),
        ("sweep.db", *FAST),
    ],
)
def test_the_document_has_the_form_of_its_schema(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    write_job()
    write_cut_job(Path("cut.json"))
    write_optuna("sweep.db")
    document = replayed(capsys, *arguments)

    assert list(faults(document, SCHEMA)) == []
    assert next(iter(document)) == "schema"
    assert document["schema"] == SCHEMA["$id"]


def test_the_check_of_the_form_finds_faults() -> None:
    found = "\n".join(faults({"schema": "urn:other", "seed": "0", "extra": 1}, SCHEMA))

    for fault in ("$.schema: 'urn:other'", "$.seed: string", "$.extra: not in", "$.settings: missing"):
        assert fault in found


def test_every_combination_of_the_settings_is_replayed_once(capsys: pytest.CaptureFixture[str]) -> None:
    write_job()
    document = replayed(
        capsys,
        *("job.json", "--early-stopping", "none,median", "--early-stopping", "none", "--parallel", "1, 4"),
        *("--trials", "12", "--trials", "6", "--resamples", "0"),
    )

    settings = [(one["earlyStopping"], one["parallel"], one["trials"]) for one in document["settings"]]
    assert settings == [(rule, parallel, n) for n in (12, 6) for rule in ("none", "median") for parallel in (1, 4)]


def test_without_options_the_rules_are_compared_at_the_recorded_parallelism(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_job()
    settings = replayed(capsys, "job.json", "--resamples", "0")["settings"]

    assert [one["earlyStopping"] for one in settings] == ["none", "median", "decay-curve"]
    # The trials of the record all ran at the same time, whatever its parallelTrialCount says.
    assert {(one["parallel"], one["trials"]) for one in settings} == {(12, 12)}


def test_the_folder_of_a_run_is_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    write_job(Path("run/job.json"))

    assert replayed(capsys, "run", "--resamples", "0")["recorded"]["trials"] == 12


@pytest.mark.parametrize("source", ["sqlite:///sweep.db", "sweep.db", "sweep.log"])
def test_an_optuna_storage_is_a_source(capsys: pytest.CaptureFixture[str], source: str) -> None:
    write_optuna(source.removeprefix("sqlite:///"), journal=source.endswith(".log"))
    document = replayed(capsys, source, "--study", "sweep", "--early-stopping", "none", "--resamples", "0")

    assert document["recorded"]["stopped"] == 1
    assert document["settings"][0]["unknownEnds"]["trials"] == ["12"]
    assert "measurements without a time" in document["notices"][0]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_values_that_are_not_finite_are_left_out_and_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    write_diverging("sweep.db", direction=direction)
    capsys.readouterr()
    arguments = ["replay", "sweep.db", "--early-stopping", "none,median,decay-curve,convex", *FAST]
    assert main([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out, parse_constant=pytest.fail)

    assert printed.err == ""
    assert list(faults(document, SCHEMA)) == []
    assert document["recorded"]["best"]["value"] > 1
    assert [one["best"]["value"] > 1 for one in document["settings"]] == [True] * 4
    assert any("3 of 12 trials have measurements without a finite value of value" in one for one in document["notices"])

    assert main(arguments) == 0
    assert re.search(r"\b(nan|inf)\b", capsys.readouterr().out) is None


def test_workers_and_prices_of_a_job_count(capsys: pytest.CaptureFixture[str]) -> None:
    job = job_of([ended_trial(n, curve) for n, curve in enumerate(CURVES, start=1)])
    pools = (
        WorkerPoolSpec(machine={"machineType": "n1"}),
        WorkerPoolSpec(machine={"machineType": "n2"}, replica_count=3),
    )
    save_job(replace(job, trial_job_spec=TrialJobSpec(worker_pools=pools)), Path("job.json"))
    prices = ("--hourly-price", "n1=3 EUR", "--hourly-price", "n2=1")
    document = replayed(capsys, "job.json", "--early-stopping", "none", "--resamples", "0", *prices)
    hours = 12 * 80 / 3600

    assert document["currency"] == "EUR"
    assert math.isclose(document["recorded"]["workerHours"], 4 * hours)
    assert math.isclose(document["recorded"]["cost"], 6 * hours)
    assert math.isclose(document["settings"][0]["cost"]["low"], 6 * hours)


def test_the_table_fits_eighty_columns_and_says_what_its_numbers_mean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write_cut_job(Path("cut.json"))
    assert main(["replay", "cut.json", "--trials", "12,18", "--hourly-price", "2 EUR", "--parallel", "4", *FAST]) == 0

    printed = capsys.readouterr().out
    table = [line for line in printed.splitlines() if line.startswith(("│", "┃", "┏"))]
    assert max(map(len, table)) <= 80
    for text in ("as recorded", "decay-curve", "18 trials", "or better", "cost, EUR", "best 0/3"):
        assert text in printed
    meanings = (
        "- Exact",
        "- Assumed",
        "- Not known (none, 4 at once",
        "- [low .. high]",
        "- saves",
        "- Further trials: 6",
    )
    assert [meaning for meaning in meanings if meaning not in printed] == []
    assert "…" not in "".join(table)


@pytest.mark.parametrize(("rule", "is_predicted"), [("convex", True), ("median", False), ("none,convex", True)])
def test_the_output_says_that_the_convex_rule_predicts_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, rule: str, is_predicted: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    write_job()
    assert main(["replay", "job.json", "--early-stopping", rule, "--resamples", "0"]) == 0

    assert ("the value that the rule predicts for its end" in capsys.readouterr().out) == is_predicted


@pytest.mark.parametrize(
    ("algorithm", "says"),
    [
        (
            Algorithm.BAYESIAN,
            (
                "the 8 after the startup trials with probability 0.43, if they were exchangeable with these; how much "
                "better, and whether better than the startup trials, is not known."
            ),
        ),
        (
            Algorithm.RANDOM_SEARCH,
            (
                "the 12 recorded trials with probability 0.33, if they were exchangeable with these; how much better "
                "is not known."
            ),
        ),
    ],
)
def test_the_chance_of_a_better_trial_is_that_against_the_trials_it_was_drawn_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, algorithm: Algorithm, says: str
) -> None:
    """The best trial of the record is its first, a startup trial of a Bayesian search."""
    monkeypatch.setenv("COLUMNS", "1000")
    job = job_of([ended_trial(n, falling(1 + n / 2)) for n in range(1, 13)])
    save_job(replace(job, study_spec=replace(job.study_spec, algorithm=algorithm)), Path("job.json"))

    assert main(["replay", "job.json", "--trials", "18", "--early-stopping", "none", "--resamples", "0"]) == 0

    printed = capsys.readouterr().out
    assert "trial 1" in printed
    assert f"One of them is better than {says}" in printed


def test_a_study_without_curves_is_replayed_without_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    save_job(job_of([ended_trial(n, [float(n)]) for n in range(1, 10)]), Path("job.json"))

    assert [one["earlyStopping"] for one in replayed(capsys, "job.json")["settings"]] == ["none"]


def test_more_workers_than_trials_are_no_different(capsys: pytest.CaptureFixture[str]) -> None:
    write_job()
    parallel = ("--parallel", "24,2000000000", "--trials", "24", "--early-stopping", "none", *FAST)
    few, many = (one["wallClockS"] for one in replayed(capsys, "job.json", *parallel)["settings"])

    assert few == many


def test_a_seed_repeats_the_output_and_another_one_changes_it(capsys: pytest.CaptureFixture[str]) -> None:
    trials = [ended_trial(n, curve, interval_s=5.0 + n) for n, curve in enumerate(CURVES, start=1)]
    save_job(job_of(trials), Path("job.json"))
    first, again, other = (replayed(capsys, "job.json", *FAST, "--seed", seed)["settings"] for seed in "001")

    assert first == again != other


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["job.json", "--parallel", "0"], "--parallel: '0': expected a whole number from 1"),
        (["job.json", "--parallel", "1,,2"], "--parallel: '': expected a whole number from 1"),
        (["job.json", "--trials", "0"], "--trials: '0': expected a whole number from 1"),
        (["job.json", "--trials", "25"], "--trials 25: study has 12 ended trials"),
        (
            ["job.json", "--early-stopping", "asha"],
            "'asha': expected one of none, median, decay-curve, convex, recorded",
        ),
        (["job.json", "--early-stopping", "recorded"], "study has no stopping rule in its spec"),
        (["job.json", "--parallel", ",".join(map(str, range(1, 40)))], "117 settings"),
        (
            ["job.json", "--hourly-price", "n1-standard-4=2"],
            "there is no price for a worker whose machine is not known",
        ),
        (["job.json", "--hourly-price", "3", "--hourly-price", "n1=2"], "no worker of the study has the price for n1"),
        (["job.json", "--hourly-price", "x"], "expected AMOUNT"),
        (["job.json", "--resamples", "-1"], "--resamples"),
        (["job.json", "--resamples", "1"], "--resamples: '1': expected 0, or a whole number from 2 to 10000"),
        (["job.json", "--resamples", "10001"], "--resamples: '10001': expected 0, or a whole number from 2 to 10000"),
        (["job.json", "--resamples", "x"], "--resamples: 'x': expected 0, or a whole number from 2 to 10000"),
        (["job.json", "--study", "x"], "only an Optuna storage has several studies"),
        (["missing.json"], "missing.json: cannot be read as a job"),
        (["none.json", "--early-stopping", "median"], "no trial of study has a curve"),
        (["several.json"], "several objectives (loss, size)"),
        (["running.json"], "none of the 1 trials of the study has ended"),
        (["untimed.json"], "trial 1 of the study: no start or no end time"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    write_job()
    one = ended_trial(1, falling(1))
    several = job_of([one])
    metrics = (*several.study_spec.metrics, MetricSpec("size", Goal.MINIMIZE))
    save_job(job_of([ended_trial(1, [1.0])]), Path("none.json"))
    save_job(replace(several, study_spec=replace(several.study_spec, metrics=metrics)), Path("several.json"))
    save_job(job_of([replace(one, state=TrialState.ACTIVE, end_time=None)]), Path("running.json"))
    save_job(job_of([replace(one, end_time=None)]), Path("untimed.json"))

    try:
        code = main(["replay", *arguments])
    except SystemExit as exit_:
        code = int(str(exit_.code))

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert says in printed.err
    assert len(printed.err.splitlines()) == 1


def test_a_study_that_goes_on_is_replayed_with_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    trials = [ended_trial(n, curve) for n, curve in enumerate(CURVES, start=1)]
    active = replace(trials[-1], state=TrialState.ACTIVE, end_time=None, final_measurement=None)
    save_job(job_of([*trials[:-1], active], rule=MedianStopping()), Path("job.json"))

    document = replayed(capsys, "job.json", "--early-stopping", "recorded", "--resamples", "0")

    assert document["recorded"]["trials"] == 11
    assert re.match("1 of 12 trials have not ended", document["notices"][0])
