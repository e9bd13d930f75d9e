from __future__ import annotations

import dataclasses
import json
import subprocess

import pytest

from hydra_vertex.job import Categorical, ContainerSpec, ParameterSpec, TrialJobSpec, TrialState, WorkerPoolSpec
from hydra_vertex.launcher.secrets.masker import (
    NO_SECRETS,
    masker,
    secrets_in_arguments,
    secrets_in_document,
)
from hydra_vertex.launcher.secrets.of_job import masker_of, without_secrets
from hydra_vertex.launcher.secrets.shell import shell_command
from launcher.jobs import make_job, make_trial


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["logger.api_key=abc"], ["logger.api_key=***"]),
        (["+wandb.token=abc"], ["+wandb.token=***"]),
        (["++db.password=a=b"], ["++db.password=***"]),
        (["db.password='a b'"], ["db.password=***"]),
        (["--api-key", "abc", "x=1"], ["--api-key", "***", "x=1"]),
        (["--hf_token=abc"], ["--hf_token=***"]),
        (["logger={api_key: abc}"], ["logger={api_key: ***}"]),
        (["url=https://u:p@h/x"], ["url=https://u:***@h/x"]),
        (["api_key=${oc.env:K}"], ["api_key=${oc.env:K}"]),
        (["tokenizer.name=bpe", "data.max_tokens=5"], ["tokenizer.name=bpe", "data.max_tokens=5"]),
        (["python", "train.py"], ["python", "train.py"]),
    ],
)
def test_the_value_of_a_secret_is_masked_in_a_command(arguments: list[str], shown: list[str]) -> None:
    assert NO_SECRETS.arguments(arguments) == shown


def test_a_known_secret_is_masked_at_any_position_and_in_any_quoting() -> None:
    mask = masker(['it\'s "so/secret"', "hunter22", "hunter22-longer", "abc"])
    value = 'it\'s "so/secret"'

    for spelled in (value, json.dumps(value), repr(value), f"url?x={'it%27s%20%22so%2Fsecret%22'}"):
        assert "secret" not in mask.text(f"connecting with {spelled} now")
    assert mask.text("as hunter22-longer and hunter22; abc") == "as *** and ***; abc"


def test_a_document_is_masked_by_its_keys_at_any_depth() -> None:
    document = {"a": {"password": "x", "n": 1}, "auth": {"user": "u", "on": True}, "l": [{"token": 5}, "https://u:p@h"]}

    assert NO_SECRETS.value("", document) == {
        "a": {"password": "***", "n": 1},
        "auth": {"user": "***", "on": True},
        "l": [{"token": "***"}, "https://u:***@h"],
    }
    assert sorted(secrets_in_document(document)) == ["5", "p", "u", "x"]


def test_the_secrets_of_a_command_line_are_found() -> None:
    line = ["python", "a.py", "k.password='p q'", "--token", "t", "u=postgres://u:v@h", "x=1", "api_key=$K"]

    assert list(secrets_in_arguments(line)) == ["'p q'", "p q", "t", "v"]


def test_the_name_of_a_kms_key_is_no_secret_in_either_form_of_an_option() -> None:
    name = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    assert list(secrets_in_arguments(["--encryption-key", name, f"--encryption-key={name}", "--password", "x"])) == [
        "x"
    ]


def test_a_command_can_be_pasted_with_the_secrets_in_variables() -> None:
    parts = ["printf", "%s|", "a b", "db.password=x y", "--api-key", "k", "u=https://u:p@h"]
    command = shell_command(parts, NO_SECRETS)

    assert command.variables == ("DB_PASSWORD", "API_KEY", "U")
    assert str(command).endswith("# the secrets are in $DB_PASSWORD, $API_KEY, $U")
    given = {"DB_PASSWORD": "x y", "API_KEY": "k", "U": "https://u:p@h"}
    ended = subprocess.run(["bash", "-c", str(command)], env=given, capture_output=True, text=True, check=True)
    assert ended.stdout == "a b|db.password=x y|--api-key|k|u=https://u:p@h|"


def test_a_command_without_secrets_does_not_change() -> None:
    assert str(shell_command(["python", "a.py", "x='a b'"], NO_SECRETS)) == "python a.py 'x='\"'\"'a b'\"'\"''"


def test_secrets_of_commands_and_variables_are_masked_in_a_displayed_job() -> None:
    container = ContainerSpec(
        "i", command=("hydra-trial", "--", "a.py", "db.password=hunter2"), env={"MY_TOKEN": "t0ken7"}
    )
    job = make_job(
        [
            make_trial(1, None, TrialState.INFEASIBLE, "cannot log in with hunter2 and t0ken7 and envsecret"),
            make_trial(2, 1.0, parameters={"auth": "second-one", "lr": 0.5}),
        ],
        display_name="hunter2",
        trial_job_spec=TrialJobSpec(worker_pools=(WorkerPoolSpec(container=container),)),
    )
    spec = dataclasses.replace(
        job.study_spec, parameters=(ParameterSpec("auth", Categorical(("first-one", "second-one"))),)
    )
    job = dataclasses.replace(job, study_spec=spec)
    shown = without_secrets(job, masker_of(job, {"HOME_PASSWORD": "envsecret", "HOME": "/root"}))

    assert shown.trials[0].infeasible_reason == "cannot log in with *** and *** and ***"
    assert shown.trials[1].parameters == {"auth": "***2", "lr": 0.5}
    assert shown.study_spec.parameters[0].domain == Categorical(("***1", "***2"))
    assert shown.display_name == "***"
