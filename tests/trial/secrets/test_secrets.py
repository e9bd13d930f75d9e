"""Variables that refer to secrets: what the app gets, what the log has, and what is refused."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import SecretError
from hydra_vertex.protocol.secret_fingerprints import without_known
from hydra_vertex.protocol.secret_references import (
    SecretVersion,
    is_secret_reference,
    parse_secret_reference,
)
from hydra_vertex.trial.secrets.access_token import access_token, refresh_call
from hydra_vertex.trial.secrets.http import AnswerError, Call, Limits, fetch
from hydra_vertex.trial.secrets.resolve import publish_fingerprints, resolved
from hydra_vertex.trial.secrets.secret_manager import endpoint_of
from trial.apps import hydra_trial, write_app
from trial.secrets.fake_google import METADATA_PATH, TOKEN, FakeGoogle, serving_google

REFERENCE = "projects/my-project/secrets/wandb"
VALUE = "S3CRET value, 'quoted' and long"
APP = """
import os
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    seen = [name for name, value in os.environ.items() if "S3CRET" in value]
    print("secrets in", sorted(seen), len(os.environ.get("API_KEY", "")))
    return 0.5

main()
"""


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with serving_google() as google:
        google.secrets[f"{REFERENCE}/versions/latest"] = VALUE.encode()
        google.secrets[f"{REFERENCE}/versions/3"] = b"S3CRET-3"
        google.secrets["projects/1/locations/europe-west4/secrets/db/versions/live"] = b"S3CRET-db"
        yield google


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path, **{"train.py": APP})


@pytest.mark.parametrize(
    ("value", "version"),
    [
        (REFERENCE, SecretVersion("my-project", "wandb")),
        (f"{REFERENCE}/versions/latest", SecretVersion("my-project", "wandb")),
        (f"{REFERENCE}/versions/12", SecretVersion("my-project", "wandb", "12")),
        ("projects/123/secrets/a_B-9/versions/prod", SecretVersion("123", "a_B-9", "prod")),
        ("projects/example.com:old/secrets/s", SecretVersion("example.com:old", "s")),
        ("projects/p1/locations/europe-west4/secrets/s", SecretVersion("p1", "s", location="europe-west4")),
        ("projects/my-project", None),
        ("projects/my-project/topics/secrets", None),
        ("/projects/p/secrets/s", None),
        ("//secretmanager.googleapis.com/projects/p/secrets/s", None),
        ("secrets", None),
        ("", None),
    ],
)
def test_a_reference_is_told_from_any_other_text(value: str, version: SecretVersion | None) -> None:
    assert parse_secret_reference(value) == version
    assert is_secret_reference(value) is (version is not None)


@pytest.mark.parametrize(
    "value",
    [
        "projects/p/secrets",
        "projects/p/secrets/",
        "projects//secrets/s",
        "projects/P/secrets/s",
        "projects/p/secrets/s/",
        "projects/p/secrets/s/versions",
        "projects/p/secrets/s/versions/",
        "projects/p/secrets/s/versions/0",
        "projects/p/secrets/s/versions/1/more",
        "projects/p/secrets/s/version/1",
        "projects/p/secrets/a b",
        "projects/p/secrets/../s",
        "projects/p/secrets/s?alt=media",
        "projects/p/locations//secrets/s",
        "projects/p/locations/evil.com#/secrets/s",
        " projects/p/secrets/s",
        "projects/p/secrets/s\n",
    ],
)
def test_a_malformed_reference_is_refused(value: str) -> None:
    assert not is_secret_reference(value)
    with pytest.raises(ValueError, match="expected projects/PROJECT/secrets/SECRET"):
        parse_secret_reference(value)
    with pytest.raises(SecretError, match=r"^\$KEY is a malformed reference to a secret; expected"):
        resolved({"KEY": value})


def test_the_app_gets_the_values_and_the_log_only_the_names(app: Path, google: FakeGoogle) -> None:
    environ = {
        **google.environ,
        "API_KEY": REFERENCE,
        "SAME": f"{REFERENCE}/versions/latest",
        "OLD": f"{REFERENCE}/versions/3",
        "DB": "projects/1/locations/europe-west4/secrets/db/versions/live",
    }
    ended = hydra_trial(app, "--", "python", "train.py", environ=environ)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"secrets in ['API_KEY', 'DB', 'OLD', 'SAME'] {len(VALUE)}\n"
    assert "the values of API_KEY, SAME, OLD, DB come from Secret Manager" in ended.stderr
    assert "S3CRET" not in ended.stdout + ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr
    assert len([path for path in google.requests if path.endswith(":access")]) == 3


def test_a_program_that_starts_the_app_gets_the_values_once(app: Path, google: FakeGoogle) -> None:
    environ = {**google.environ, "API_KEY": REFERENCE}
    ended = hydra_trial(app, "--", "env", "python", "train.py", environ=environ)
    assert ended.returncode == 0, ended.stderr
    assert "secrets in ['API_KEY']" in ended.stdout
    assert len(google.requests) == 2


def test_a_variable_that_the_container_did_not_set_stays_as_it_is(app: Path, google: FakeGoogle) -> None:
    environ = {**google.environ, "API_KEY": REFERENCE, "HYDRA_TRIAL_KEPT_REFERENCES": "API_KEY"}
    ended = hydra_trial(app, "--", "python", "train.py", environ=environ)
    assert ended.stdout == f"secrets in [] {len(REFERENCE)}\n"
    assert google.requests == []


def test_an_explanation_reads_no_secret(app: Path, google: FakeGoogle) -> None:
    environ = {**google.environ, "API_KEY": REFERENCE}
    ended = hydra_trial(app, "--explain", "--", "python", "train.py", environ=environ)
    assert ended.returncode == 0, ended.stderr
    assert google.requests == []


def test_a_message_of_hydra_trial_has_no_secret(app: Path, google: FakeGoogle) -> None:
    environ = {**google.environ, "API_KEY": f"{REFERENCE}/versions/3"}
    (app / "conf/config.yaml").write_text("lr: 1.0\nkey: ${oc.env:API_KEY}\n")
    ended = hydra_trial(app, "--", "python", "train.py", "--lr=S3CRET-3", environ=environ)
    assert ended.returncode == 2
    assert "S3CRET" not in ended.stderr
    assert "***" in ended.stderr


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (
            "projects/my-project/secrets/none",
            r"versions/latest cannot be read \(404 .*not found.*\); create the secret",
        ),
        (
            "projects/my-project/secrets/a b",
            r"hydra-trial: \$API_KEY is a malformed reference to a secret; expected projects/PROJECT/secrets/SECRET",
        ),
    ],
)
def test_a_trial_whose_secret_cannot_be_read_ends_before_the_app_starts(
    app: Path, google: FakeGoogle, reference: str, words: str
) -> None:
    ended = hydra_trial(app, "--", "python", "train.py", environ={**google.environ, "API_KEY": reference})
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    pytest.importorskip("re").search(words, ended.stderr) or pytest.fail(ended.stderr)


def test_fingerprints_are_a_new_private_file_that_is_never_read_in_part(tmp_path: Path) -> None:
    file = tmp_path / "fingerprints.json"
    publish_fingerprints({"API_KEY": VALUE, "HYDRA_TRIAL_SECRETS": "API_KEY"}, {"HYDRA_TRIAL_FINGERPRINTS": str(file)})
    with file.open() as reader:
        publish_fingerprints({"API_KEY": VALUE}, {"HYDRA_TRIAL_FINGERPRINTS": str(file)})
        assert not os.path.samestat(os.fstat(reader.fileno()), file.stat())
        assert without_known(f"got {VALUE}, API_KEY", json.load(reader)) == "got ***, API_KEY"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert without_known(f"got {VALUE}", json.loads(file.read_text())) == "got ***"


def test_errors_that_pass_are_retried(google: FakeGoogle) -> None:
    google.failures = [503, 429]
    assert resolved({**google.environ, "API_KEY": REFERENCE})["API_KEY"] == VALUE
    assert len(google.requests) == 4


def test_an_answer_that_is_cut_off_is_asked_for_again(google: FakeGoogle) -> None:
    google.truncated = 2
    assert resolved({**google.environ, "API_KEY": REFERENCE})["API_KEY"] == VALUE
    assert len(google.requests) == 4


def test_an_answer_that_is_always_cut_off_is_named(google: FakeGoogle) -> None:
    google.truncated = 100
    url = f"http://{google.address}{METADATA_PATH}"
    with pytest.raises(AnswerError, match=r"127.0.0.1:\d+ sent \d+ bytes, 1 fewer than it said"):
        fetch(Call(url, {"Metadata-Flavor": "Google"}, by_proxy=False), Limits(total_s=0.0))


@pytest.mark.parametrize("failure", [400, 401, 403, 404, 418])
def test_other_errors_are_not_retried_and_name_the_next_step(google: FakeGoogle, failure: int) -> None:
    token = {"HYDRA_TRIAL_ACCESS_TOKEN_FILE": "token"}
    google.failures = [failure]
    with pytest.raises(SecretError, match=rf"cannot be read \({failure} Try again\.\); \w+"):
        resolved({**google.environ, **token_file(token), "API_KEY": REFERENCE})
    assert len(google.requests) == 1


def token_file(environ: dict[str, str], text: str = TOKEN) -> dict[str, str]:
    path = Path.cwd() / environ["HYDRA_TRIAL_ACCESS_TOKEN_FILE"]
    path.write_text(f"{text}\n")
    return {"HYDRA_TRIAL_ACCESS_TOKEN_FILE": str(path)}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_redirect_is_not_followed(google: FakeGoogle) -> None:
    """The other address would get the token."""
    with serving_google() as other:
        google.redirect_to = f"http://{other.address}/v1/x:access"
        with pytest.raises(SecretError, match=r"redirects .*which is not followed"):
            resolved({**google.environ, "API_KEY": REFERENCE})
        assert other.requests == []


@pytest.mark.parametrize("value", [b"\xff\xfe", b"with \0 in it"])
def test_a_secret_that_no_variable_can_contain_is_refused_without_showing_it(google: FakeGoogle, value: bytes) -> None:
    google.secrets[f"{REFERENCE}/versions/latest"] = value
    with pytest.raises(SecretError, match=r"versions/latest (is not UTF-8|has a NUL)") as caught:
        resolved({**google.environ, "API_KEY": REFERENCE})
    assert "with " not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://secretmanager.googleapis.com",
        "https://secretmanager.example.com",
        "https://googleapis.com.evil.example",
        "https://evilgoogleapis.com",
        "https://x.googleapis.com@evil.example",
        "https://me@secretmanager.googleapis.com",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1:8080",
        "ftp://127.0.0.1",
        "https://[::1",
        "secretmanager.googleapis.com",
    ],
)
def test_a_token_is_sent_to_google_and_this_machine_only(endpoint: str) -> None:
    variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
    with pytest.raises(SecretError, match=rf"^\${variable}: "):
        resolved({variable: endpoint, "API_KEY": REFERENCE})


@pytest.mark.parametrize(
    ("location", "given", "endpoint"),
    [
        ("", "", "https://secretmanager.googleapis.com"),
        ("europe-west4", "", "https://secretmanager.europe-west4.rep.googleapis.com"),
        ("", "https://secretmanager-mine.p.googleapis.com/", "https://secretmanager-mine.p.googleapis.com"),
        ("", "http://localhost:8080/", "http://localhost:8080"),
    ],
)
def test_the_endpoint_is_that_of_the_region_or_the_given_one(location: str, given: str, endpoint: str) -> None:
    environ = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": given}
    assert endpoint_of(SecretVersion("p", "s", location=location), environ) == endpoint


def test_the_users_own_credentials_are_not_sent_over_plain_http(google: FakeGoogle) -> None:
    path = Path("adc.json")
    path.write_text(
        json.dumps({"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"})
    )
    environ = {**google.environ, "GOOGLE_APPLICATION_CREDENTIALS": str(path), "API_KEY": REFERENCE}
    assert resolved(environ)["API_KEY"] == VALUE
    del environ["GCE_METADATA_HOST"]
    with pytest.raises(SecretError, match="401 "):
        resolved(environ)


def test_the_refresh_token_goes_to_googles_own_address() -> None:
    """A file of credentials may name another one."""
    call = refresh_call({"client_id": "a", "client_secret": "b&c", "refresh_token": "d", "token_uri": "http://evil"})
    assert call.url == "https://oauth2.googleapis.com/token"
    assert call.body == b"grant_type=refresh_token&client_id=a&client_secret=b%26c&refresh_token=d"
    assert "b&c" not in repr(call)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"type": "service_account"}', "credentials of the type 'service_account' cannot be used without google-auth"),
        ('{"type": "authorized_user"}', "is not a file of Google's credentials"),
        ("[]", "is not a file of Google's credentials"),
        ("no JSON", "is not a file of Google's credentials"),
        (None, "cannot be read"),
    ],
)
def test_credentials_that_cannot_be_used_are_named_with_the_next_step(text: str | None, words: str) -> None:
    if text is not None:
        Path("key.json").write_text(text)
    with pytest.raises(SecretError, match=rf"^key.json: {words}.*HYDRA_TRIAL_ACCESS_TOKEN_FILE"):
        access_token({"GOOGLE_APPLICATION_CREDENTIALS": "key.json"})


@pytest.mark.parametrize("text", ["", "two words", "ümlaut"])
def test_a_token_that_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(SecretError, match="expected one access token"):
        access_token(token_file({"HYDRA_TRIAL_ACCESS_TOKEN_FILE": "token"}, text))


def test_a_trial_without_credentials_is_told_what_to_do(tmp_path: Path) -> None:
    environ = {"GCE_METADATA_HOST": "metadata.invalid", "CLOUDSDK_CONFIG": str(tmp_path), "API_KEY": REFERENCE}
    with pytest.raises(SecretError, match=r"there are no Google credentials.*gcloud auth application-default login"):
        resolved(environ)


def test_the_time_of_all_attempts_is_limited(google: FakeGoogle) -> None:
    google.failures = [503] * 100
    pauses: list[float] = []
    with pytest.raises(AnswerError, match="503"):
        fetch(Call(f"http://{google.address}/", by_proxy=False), Limits(total_s=0.0), pauses.append)
    assert pauses == []
