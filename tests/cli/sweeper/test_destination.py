"""Which keys of the sweeper a place has, needs and refuses, and what identifies a sweep elsewhere."""

from __future__ import annotations

import re

import pytest

from hydra_vertex.cli.main import build_parser
from hydra_vertex.cli.sweeper.destination import is_elsewhere
from hydra_vertex.cli.sweeper.request import sweep_request
from hydra_vertex.launcher.search_space.hydra_part import SWEEPER_OPTIONS, VERTEX_OPTIONS
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

PLACE: JsonObject = {
    "endpoint": "vertex",
    "project": "p",
    "location": "europe-west4",
    "bucket": "gs://b/runs",
    "image": "i:1",
    "n_trials": 8,
    "n_jobs": 2,
    "max_failure_rate": 0.0,
    "params": {"lr": "interval(0,1)"},
}
ONLY_HERE = (
    *("start_from", "retrain", "warm_start", "page", "open", "engine", "engine_config", "engine_set"),
    *("trials_per_gpu", "gpus_per_trial", "gpu_memory_per_trial", "trial_memory", "trial_nice"),
)
VALUES: dict[str, Json] = {
    "early_stopping": "median", "monitor": ["a", "b"], "trial_timeout": "90m", "seed": 7, "no_check": True,
    "on_unsuccessful_job": "select", "no_baseline": True, "confirm": 3, "repeats": 2, "seed_key": "seed",
    "first_seed": 5, "no_page": True, "trial_machine_type": "g2-standard-8", "trial_accelerator": "NVIDIA_L4",
    "trial_accelerator_count": 1, "worker_pool_spec": ["machine-type=n1-standard-4"], "trial_duration": "30m",
    "hourly_price": "2 EUR", "provisioning": "5m", "max_cost": 9, "max_worker_hours": 3.5, "trial_disk": "pd-ssd:200",
    "strategy": "spot", "max_wait": "1h", "restart": "job", "persistent_resource": "gpus", "service_account": "a@b",
    "trial_service_account": "c@d", "network": "projects/1/global/networks/n", "reserved_ip_range": ["r"],
    "network_attachment": "n", "encryption_key": "k", "label": ["team=x", "a=b"], "tensorboard": "t",
    "log_experiment": "e", "no_machine_check": True, "detach": True, "prefer": "loss",
}  # fmt: skip


def options(**keys: Json) -> tuple[str, ...]:
    return sweep_request({**PLACE, **keys}, ()).options


def test_a_sweep_without_an_endpoint_runs_on_this_machine() -> None:
    assert not is_elsewhere({"image": "i", "detach": None, "no_machine_check": False})


@pytest.mark.parametrize("endpoint", ["vertex", "http://127.0.0.1:8080", "https://my-endpoint.example"])
def test_an_endpoint_is_vertex_or_a_url(endpoint: str) -> None:
    assert is_elsewhere({**PLACE, "endpoint": endpoint})
    given = [word for word in options(endpoint=endpoint) if word.startswith("--endpoint")]
    assert given == ([] if endpoint == "vertex" else [f"--endpoint={endpoint}"])


@pytest.mark.parametrize("endpoint", ["vertx", "", "local", "ftp://x", "http://", 3, True, ["vertex"]])
def test_any_other_endpoint_is_refused(endpoint: Json) -> None:
    with pytest.raises(SearchSpaceError, match=r"hydra\.sweeper\.endpoint is .*; expected vertex, or the URL"):
        is_elsewhere({**PLACE, "endpoint": endpoint})


@pytest.mark.parametrize("name", [name for name in VERTEX_OPTIONS if name != "endpoint"])
def test_a_key_of_vertex_is_refused_for_a_sweep_on_this_machine(name: str) -> None:
    with pytest.raises(SearchSpaceError, match=rf"hydra\.sweeper\.{name} is refused: it is for .*endpoint=vertex"):
        is_elsewhere({name: "x"})


@pytest.mark.parametrize("name", ONLY_HERE)
def test_a_key_of_this_machine_is_refused_elsewhere_with_the_reason(name: str) -> None:
    with pytest.raises(SearchSpaceError, match=rf"hydra\.sweeper\.{name} is refused \(with .*endpoint=vertex\): \w+"):
        is_elsewhere({**PLACE, name: ["x"]})


def test_every_key_has_a_value_or_is_refused() -> None:
    names = {*SWEEPER_OPTIONS, *VERTEX_OPTIONS}

    assert names == {*ONLY_HERE, *VALUES, "endpoint", "project", "location", "bucket", "image"}


@pytest.mark.parametrize("missing", ["project", "location", "bucket", "image"])
@pytest.mark.parametrize("absent", [None, ""])
def test_a_place_is_refused_without_what_it_needs(missing: str, absent: Json) -> None:
    with pytest.raises(SearchSpaceError, match=rf"hydra\.sweeper\.{missing} is missing; a tuning job needs project"):
        is_elsewhere({**PLACE, missing: absent})


def test_worker_pools_may_have_the_image() -> None:
    assert is_elsewhere({**PLACE, "image": None, "worker_pool_spec": "container-image-uri=i:1"})


@pytest.mark.parametrize("bucket", ["runs", "gs://", "/gcs/b", "s3://b", 3])
def test_a_bucket_that_is_no_folder_in_one_is_refused(bucket: Json) -> None:
    with pytest.raises(SearchSpaceError, match=r"hydra\.sweeper\.bucket is .*; expected a folder in a bucket"):
        is_elsewhere({**PLACE, "bucket": bucket})


def test_the_options_of_every_key_are_those_of_the_command_tune() -> None:
    words = ["tune", *options(**VALUES)]

    parsed = vars(build_parser().parse_args(words))

    assert (parsed["project"], parsed["location"], parsed["root"], parsed["image"]) == (
        *("p", "europe-west4", "gs://b/runs"),
        "i:1",
    )
    for name in VALUES:
        assert name == "no_page" or parsed[name] not in (None, [], False, ""), name
    assert parsed["label"] == [("team", "x"), ("a", "b")]
    assert not any(re.match("--(no-page|bucket|no-retrain)", word) for word in words)


def test_labels_may_be_a_mapping() -> None:
    assert options(label={"team": "x", "cost": 7})[-2:] == ("--label=team=x", "--label=cost=7")


@pytest.mark.parametrize("name", ["detach", "no_check", "on_unsuccessful_job", "no_machine_check", "max_cost"])
def test_what_belongs_to_one_start_is_no_part_of_the_sweep(name: str) -> None:
    assert sweep_request({**PLACE, name: VALUES[name]}, ()).study == sweep_request(PLACE, ()).study


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_trials", 9), ("n_jobs", 1), ("endpoint", "http://x:1"), ("image", "i:2"), ("strategy", "spot"), ("seed", 3)],
)
def test_what_the_job_keeps_is_a_part_of_the_sweep(name: str, value: Json) -> None:
    assert sweep_request({**PLACE, name: value}, ()).study != sweep_request(PLACE, ()).study


def test_a_job_elsewhere_has_none_of_the_sweeper_s_keys_in_its_search_file() -> None:
    request = sweep_request({**PLACE, **VALUES}, ())

    assert request.is_elsewhere
    assert set(request.sweeper) == {"n_trials", "n_jobs", "params"}
