from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.trials.engines.slurm.settings import KEYS, Settings, parse_settings


def test_nothing_is_needed() -> None:
    assert parse_settings({}) == Settings(pass_environment=("PATH",))


def test_every_key_is_read() -> None:
    given: dict[str, Json] = {
        "partition": "gpu",
        "account": 4711,
        "qos": "high",
        "constraint": "a100&nvlink",
        "reservation": "course",
        "cpus": 8,
        "memory": "16G",
        "gres": "gpu",
        "machines": {"NVIDIA_L4": "gpu:l4:1", "NVIDIA_A100_80GB": "gpu:a100-80:2"},
        "time_limit_minutes": 1440,
        "requeue": True,
        "sbatch_options": ["--exclusive", "--nice=100"],
        "container": ["apptainer", "exec", "--nv", "docker://{image}"],
        "setup": "module load cuda\n",
        "pass_environment": ["LD_LIBRARY_PATH"],
        "working_directory": "/home/a",
        "shared_folder": "/home",
        "folder_delay_s": 3,
    }
    assert parse_settings(given) == Settings(
        partition="gpu",
        account="4711",
        qos="high",
        constraint="a100&nvlink",
        reservation="course",
        cpus=8,
        memory="16G",
        gres=("gpu", 1),
        machines={"NVIDIA_L4": ("gpu:l4", 1), "NVIDIA_A100_80GB": ("gpu:a100-80", 2)},
        time_limit_minutes=1440,
        requeue=True,
        sbatch_options=("--exclusive", "--nice=100"),
        container=("apptainer", "exec", "--nv", "docker://{image}"),
        setup="module load cuda\n",
        pass_environment=("LD_LIBRARY_PATH",),
        working_directory=PurePosixPath("/home/a"),
        shared_folder=PurePosixPath("/home"),
        folder_delay_s=3.0,
    )
    assert given.keys() | {"on_node"} == set(KEYS)


def test_a_container_has_no_path_of_the_service() -> None:
    assert parse_settings({"container": ["run-image", "{image}"]}).pass_environment == ()


WRONG: list[tuple[dict[str, Json], str]] = [
    ({"partitionn": "x"}, "unknown key 'partitionn'; did you mean 'partition'"),
    ({"partition": ""}, "partition: expected a name, got ''"),
    ({"partition": True}, "partition: expected a name, got True"),
    ({"partition": "a\nb"}, "partition: expected a name"),
    ({"partition": ["a"]}, "partition: expected a name"),
    ({"cpus": 0}, "cpus: expected a whole number from 1, got 0"),
    ({"cpus": True}, "cpus: expected a whole number from 1"),
    ({"cpus": 1.5}, "cpus: expected a whole number from 1"),
    ({"memory": "16 GB"}, "memory: expected an amount such as 16G"),
    ({"memory": "0"}, "memory: expected an amount"),
    ({"memory": 1.5}, "memory: expected an amount"),
    ({"gres": "gpu:l4:0"}, "gres: expected a generic resource such as gpu:1"),
    ({"gres": "gpu:1,fpga:1"}, "gres: expected a generic resource"),
    ({"gres": 1}, "gres: expected a generic resource"),
    ({"machines": ["NVIDIA_L4"]}, "machines: expected a mapping"),
    ({"machines": {"NVIDIA_L4": 1}}, "machines.NVIDIA_L4: expected a generic resource"),
    ({"time_limit_minutes": "1h"}, "time_limit_minutes: expected a whole number from 1, got '1h'"),
    ({"requeue": "yes"}, "requeue: expected true or false, got 'yes'"),
    ({"sbatch_options": "--exclusive"}, "sbatch_options: expected a list of words"),
    ({"sbatch_options": ["-N2"]}, "sbatch_options: expected long options, each as one word"),
    ({"sbatch_options": ["--exclude", "n1"]}, "sbatch_options: expected long options"),
    ({"sbatch_options": ["--array=1-3"]}, "'--array=1-3' cannot be set here: each trial is a job of its own"),
    ({"sbatch_options": ["--arr=1-3"]}, "'--arr=1-3' cannot be set here"),
    ({"sbatch_options": ["--mem=1G"]}, "'--mem=1G' cannot be set here: use the key memory"),
    ({"sbatch_options": ["--partition=x"]}, "cannot be set here: use the key partition"),
    ({"sbatch_options": ["--export=ALL"]}, "cannot be set here: use the key pass_environment"),
    ({"container": []}, "container: expected a command"),
    ({"container": "apptainer exec"}, "container: expected a list of words"),
    ({"container": ["run", "{imagee}"]}, "unknown placeholder {imagee} in '{imagee}'"),
    ({"container": ["run"], "on_node": True}, "container and on_node exclude each other"),
    ({"setup": ["module load"]}, "setup: expected a text"),
    ({"pass_environment": ["A B"]}, "pass_environment: expected the name of an environment variable, got 'A B'"),
    ({"working_directory": "here"}, "working_directory: expected an absolute path"),
    ({"shared_folder": "/a/../b"}, "shared_folder: expected an absolute path without '..'"),
    ({"folder_delay_s": -1}, "folder_delay_s: expected a number of seconds"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_wrong_setting_is_named(given: dict[str, Json], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_settings(given)
    assert str(caught.value).startswith("engine slurm: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("option", ["--mem-per-cpu=2G", "--exclude=n1", "--nice", "--time-min=5", "--comment=a=b"])
def test_other_options_of_sbatch_are_taken(option: str) -> None:
    assert parse_settings({"sbatch_options": [option]}).sbatch_options == (option,)
