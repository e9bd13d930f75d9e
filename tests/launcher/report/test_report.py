from __future__ import annotations

import dataclasses
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import optuna
import pytest

from hydra_vertex.job import (
    Categorical,
    Discrete,
    Goal,
    HyperparameterTuningJob,
    JobState,
    Measurement,
    MetricSpec,
    ParameterSpec,
    TrialJobSpec,
    TrialState,
    WorkerPoolSpec,
)
from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.cost.prices import parse_prices
from hydra_vertex.launcher.report import write_report
from hydra_vertex.protocol.errors import DocumentError, OutputError
from launcher.jobs import METRIC, START, make_job, make_trial

INFEASIBLE = TrialState.INFEASIBLE


class Page(HTMLParser):
    """The parsed HTML of a report: its tags, visible text and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._in_script = True
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data
        else:
            self.words.append(data)

    @property
    def prose(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def figures(self) -> dict[str, object]:
        data = next(script for script in self.scripts if script.startswith('{"sections"'))
        found: dict[str, object] = json.loads(data)["sections"]
        return {key.partition(":")[2]: value for key, value in found.items() if key.startswith("figure:")}

    def rows(self) -> list[str]:
        return re.findall(r"<tr [^>]*class=\"is-best\">\s*<th scope=\"row\">(.*?)</th>", self.text)


def report(job: HyperparameterTuningJob, tmp_path: Path, **options: object) -> Page:
    path = tmp_path / "report.html"
    write_report(job, path, best=next(iter(rank(job)), None), **options)
    return Page(path.read_text())


def study(count: int = 12, **changes: object) -> HyperparameterTuningJob:
    """Return a job of `count` trials of 20 s, two in parallel, with improving values; every fifth is infeasible."""
    trials = []
    for n in range(1, count + 1):
        start = START + timedelta(seconds=20 * ((n - 1) // 2))
        times = {"start_time": start, "end_time": start + timedelta(seconds=20)}
        parameters = {"optimizer.lr": 10 ** -(1 + n % 4), "model.depth": float(1 + n % 4), "model.activation": "gelu"}
        if n % 5 == 0:
            trials.append(
                make_trial(n, None, INFEASIBLE, f"exited with code {n}\nBoom", parameters=parameters, **times)
            )
        else:
            trials.append(make_trial(n, 5.0 - n / 4, parameters=parameters, **times))
    return make_job(trials, max_trial_count=count, **changes)


def test_the_numbers_of_the_header_are_correct_for_a_small_study(tmp_path: Path) -> None:
    trials = [
        make_trial(1, 4.0, start_time=START, end_time=START + timedelta(seconds=30)),
        make_trial(2, 2.0, start_time=START, end_time=START + timedelta(seconds=60)),
        make_trial(3, 3.0, start_time=START + timedelta(seconds=30), end_time=START + timedelta(seconds=60)),
        make_trial(4, None, INFEASIBLE, "no", start_time=START, end_time=START + timedelta(seconds=60)),
    ]
    prose = report(make_job(trials), tmp_path).prose

    assert "minimize val/loss (lower is better)" in prose
    assert "best val/loss 2 trial 2" in prose
    assert "-33 % 33 % lower than the median trial; 50 % lower than the first" in prose
    assert "4 of 12" in prose
    assert "3 succeeded, 1 infeasible" in prose
    assert "wall time 1:00 3:00 one after another, 3.0 \u00d7 faster with 2 in parallel" in prose


def test_the_header_has_what_the_study_used_and_what_early_stopping_saved(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    trials = [
        make_trial(1, 4.0, start_time=START, end_time=START + hour),
        make_trial(2, 2.0, start_time=START, end_time=START + hour / 2, stopping_reason="worse than the median"),
    ]
    pools = TrialJobSpec(worker_pools=(WorkerPoolSpec(machine={"machineType": "a"}, replica_count=2),))
    job = make_job(trials, trial_job_spec=pools)

    unpriced = report(job, tmp_path).prose
    priced = report(job, tmp_path, prices=parse_prices(["a=2 EUR"])).prose
    other = report(job, tmp_path, prices=parse_prices(["b=2 EUR"])).prose

    assert "worker-hours 3.00 25 % of the time of 2 slots was idle; early stopping saved about 1.00" in unpriced
    assert "worker-hours 3.00 cost 6.00 EUR; 25 % of the time of 2 slots was idle" in priced
    assert "saved about 1.00 worker-hours (2.00 EUR), an estimate" in priced
    assert "worker-hours 3.00 no cost: --hourly-price: there is no price for a (on-demand)" in other


def test_a_study_that_its_spending_limit_ended_says_so(tmp_path: Path) -> None:
    reason = "the limit of 2 worker-hours (--max-worker-hours) is reached"
    ended = make_job([make_trial(1, 4.0)], state=JobState.CANCELLED, stopping_reason=reason)

    assert f"ended early, with the best trial so far: {reason}" in report(ended, tmp_path).prose


@pytest.mark.parametrize(("goal", "best"), [(Goal.MINIMIZE, "12"), (Goal.MAXIMIZE, "1")])
def test_the_row_of_the_best_trial_is_marked(tmp_path: Path, goal: Goal, best: str) -> None:
    job = study()
    spec = dataclasses.replace(job.study_spec, metrics=(dataclasses.replace(job.study_spec.metrics[0], goal=goal),))

    assert report(dataclasses.replace(job, study_spec=spec), tmp_path).rows() == [best]


def test_a_full_study_has_every_figure(tmp_path: Path) -> None:
    has_ped_anova = hasattr(optuna.importance, "PedAnovaImportanceEvaluator")  # since Optuna 3.6
    importance = ["importance"] if has_ped_anova else []

    assert list(report(study(24), tmp_path).figures) == [
        "history",
        "timeline",
        "parallel",
        *importance,
        "contour",
        "slices",
    ]


def test_learning_curves_are_drawn_when_trials_have_intermediate_measurements(tmp_path: Path) -> None:
    curve = tuple(Measurement({METRIC: 4.0 / step}, step) for step in (1, 2, 3))
    trials = [make_trial(1, 2.0, measurements=curve), make_trial(2, 3.0)]

    assert "curves" in report(make_job(trials), tmp_path).figures


@pytest.mark.parametrize(
    "job",
    [
        make_job(),
        make_job([make_trial(1, 2.0)]),
        make_job([make_trial(n, None, INFEASIBLE, "exited") for n in (1, 2)]),
        make_job([make_trial(1, None, TrialState.ACTIVE, parameters={})], state=JobState.RUNNING),
        make_job([make_trial(1, None, TrialState.REQUESTED, start_time=None)], state=JobState.PENDING, start_time=None),
        make_job([make_trial(n, 1.0, parameters={"model.activation": "gelu"}) for n in (1, 2)]),
        make_job([make_trial(1, float("nan")), make_trial(2, 1e300), make_trial(3, -1.0)]),
        make_job([make_trial(1, 1.0), make_trial(2, 2.0)], display_name="Größe ✓ 数", error=None),
        make_job([make_trial(n, 2.0) for n in range(1, 30)]),
    ],
    ids=["none", "one", "all infeasible", "running", "pending", "categorical", "odd values", "unicode", "equal"],
)
def test_every_job_has_a_report(tmp_path: Path, job: HyperparameterTuningJob) -> None:
    page = report(job, tmp_path)

    assert job.display_name in page.prose
    assert sum(tag == "tr" for tag, _ in page.tags) == len(job.trials) + 1


def test_each_of_a_thousand_trials_has_a_row(tmp_path: Path) -> None:
    page = report(study(1000), tmp_path)

    assert sum(tag == "tr" for tag, _ in page.tags) == 1001


def test_discrete_and_integer_values_are_whole_numbers(tmp_path: Path) -> None:
    job = make_job([make_trial(n, float(n), parameters={"width": 64.0 * n}) for n in (1, 2)])
    spec = dataclasses.replace(job.study_spec, parameters=(ParameterSpec("width", Discrete((64.0, 128.0))),))
    page = report(dataclasses.replace(job, study_spec=spec), tmp_path)

    assert "64.0" not in page.prose
    assert '<td data-sort="64.0">64</td>' in page.text


EVIL = "</script><img src=x onerror=alert(1)><b onclick='x'>&amp;"


def test_no_text_of_a_job_can_run_in_the_page(tmp_path: Path) -> None:
    trial = make_trial(1, 1.0, parameters={EVIL: EVIL, "model.depth": 2.0}, id=EVIL)
    failed = make_trial(2, None, INFEASIBLE, EVIL)
    job = make_job([trial, make_trial(3, 2.0), failed], display_name=EVIL)
    parameters = (*job.study_spec.parameters, ParameterSpec(EVIL, Categorical((EVIL, "b"))))
    metrics = (dataclasses.replace(job.study_spec.metrics[0], id=METRIC),)
    spec = dataclasses.replace(job.study_spec, parameters=parameters, metrics=metrics)
    page = report(dataclasses.replace(job, study_spec=spec), tmp_path, overrides=(EVIL,), reproduce=EVIL, title=EVIL)
    clean = report(make_job([make_trial(1, 1.0), make_trial(3, 2.0)]), tmp_path)

    assert {tag for tag, _ in page.tags} - {tag for tag, _ in clean.tags} <= {
        *("details", "summary", "pre", "button", "h3", "ul", "li", "code", "wbr"),
    }
    assert sum(tag == "script" for tag, _ in page.tags) == sum(tag == "script" for tag, _ in clean.tags)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert EVIL in "".join(page.words)
    assert "<img" not in json.dumps(page.figures)
    assert "&lt;img" in json.dumps(page.figures)


def test_the_name_of_a_metric_is_escaped_in_every_label_and_tooltip(tmp_path: Path) -> None:
    metric = "<a href='https://evil'>%{x}</a>\x1b[2J\u202e"
    curve = tuple(Measurement({metric: 4.0 / step}, step) for step in (1, 2, 3))
    trials = [
        make_trial(n, None, final_measurement=Measurement({metric: float(n)}), measurements=curve) for n in (1, 2)
    ]
    job = make_job(trials)
    spec = dataclasses.replace(job.study_spec, metrics=(MetricSpec(metric, Goal.MINIMIZE),))
    page = report(dataclasses.replace(job, study_spec=spec), tmp_path)
    figures = json.dumps(page.figures, ensure_ascii=False)

    assert set(page.figures) >= {"history", "parallel", "curves"}
    plain = figures.replace("<br>", "")
    assert "&lt;a href='https://evil'&gt;&#37;{x}&lt;/a&gt;" in plain
    assert "<a" not in plain
    assert "%{x}&lt;" not in figures
    assert not {"\x1b", "\u202e"} & set(page.text)
    assert "best <a href='https://evil'>%{x}</a>\\x1b[2J\\u202e" in page.prose


def test_the_page_has_no_external_references(tmp_path: Path) -> None:
    page = report(study(), tmp_path)

    links = [attrs for _, attrs in page.tags if {"src", "href", "action", "data", "poster", "srcset"} & set(attrs)]
    assert links == []
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_the_security_policy_has_the_hash_of_every_script(tmp_path: Path) -> None:
    import base64
    import hashlib

    page = report(study(), tmp_path)
    policy = next(str(a["content"]) for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    running = re.findall(r"<script>(.*?)</script>", page.text, flags=re.DOTALL)

    assert len(running) == 3
    for script in running:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


def test_environment_variables_of_the_job_are_never_shown(tmp_path: Path) -> None:
    job = study()
    (pool,) = job.trial_job_spec.worker_pools
    assert pool.container is not None
    container = dataclasses.replace(pool.container, env={"WANDB_API_KEY": "s3cr3t-t0ken"})
    spec = dataclasses.replace(job.trial_job_spec, worker_pools=(dataclasses.replace(pool, container=container),))

    assert "s3cr3t-t0ken" not in report(dataclasses.replace(job, trial_job_spec=spec), tmp_path).text


def test_the_command_is_derived_from_the_job_when_not_given(tmp_path: Path) -> None:
    page = report(study(), tmp_path, overrides=("optimizer.lr=0.003", "note='a b'"))

    assert """python train.py optimizer.lr=0.003 'note='"'"'a b'"'"''""" in page.prose


def test_the_complete_reason_of_a_failed_trial_is_on_the_page(tmp_path: Path) -> None:
    assert "exited with code 5\nBoom" in "".join(report(study(), tmp_path).words)


def test_an_early_stopped_trial_is_shown_with_its_reason(tmp_path: Path) -> None:
    job = study()
    stopped = dataclasses.replace(job.trials[0], stopping_reason="worse than <the median>")
    page = report(dataclasses.replace(job, trials=(stopped, *job.trials[1:])), tmp_path)
    words = "".join(page.words)

    assert words.count("1 stopped early") == 1
    assert ">stopped early<" in page.text
    assert "worse than <the median>" in words


def test_a_job_without_a_metric_is_refused(tmp_path: Path) -> None:
    job = study()
    bare = dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=()))

    with pytest.raises(DocumentError, match=r"studySpec\.metrics"):
        write_report(bare, tmp_path / "r.html", best=None)


def test_an_output_path_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="the report cannot be written"):
        write_report(study(), tmp_path / "file" / "r.html", best=None)


def test_importing_the_report_imports_no_large_library(tmp_path: Path) -> None:
    import subprocess
    import sys

    heavy = "('optuna', 'plotly', 'jinja2')"
    code = f"import sys, hydra_vertex.launcher.report; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
