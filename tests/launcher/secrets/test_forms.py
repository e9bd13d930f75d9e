from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_vertex.launcher.secrets.forms import mask_forms

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
MASKED = {
    "password=hunter2": "password=***",
    "db.password: 'a b'": "db.password: '***'",
    '"password": "hun\\\\ter", "x": 1': '"password": "***", "x": 1',
    r"{\"token\": \"abc\"}": r"{\"token\": \"***\"}",
    "logger={api_key: abc, name: x}": "logger={api_key: ***, name: x}",
    "password=-x": "password=***",
    "a=b=c&token=z9&x=1": "a=b=c&token=***&x=1",
    "token=abc;AccountKey=xyz==;": "token=***;AccountKey=***;",
    "ValueError: password=hunter2": "ValueError: password=***",
    "x: y: token: abc": "x: y: token: ***",
    "'logger.api_key=\"a b\"'": "'logger.api_key=\"***\"'",
    "--password hunter2 --x 1": "--password *** --x 1",
    "--api-key=abc": "--api-key=***",
    "https://user:pw@host/x": "https://user:***@host/x",
    "postgresql://u:p@ss@db:5432/x": "postgresql://u:***@db:5432/x",
    "https://:pw@host": "https://:***@host",
    "https://ghp_abcdefghijklmnopqrst@github.com/x": "https://***@github.com/x",
    "Authorization: Bearer abc.def": "Authorization: Bearer ***",
    "'Authorization': 'Basic dXNlcjpwdw=='": "'Authorization': 'Basic ***'",
    "proxy-authorization: zzz": "proxy-authorization: ***",
    "with bearer abcdef123456 sent": "with bearer *** sent",
    "key AKIAABCDEFGHIJKLMNOP": "key ***",
    f"got {JWT}.": "got ***.",
    f"a {PEM} b": "a *** b",
    "see https://hooks.slack.com/services/T0/B0/xyz": "see ***",
    "my_key=abcdef1234567890ab": "my_key=***",
}
KEPT = [
    "max_tokens=12 pad_token=<pad> sort_key=abcdef1234567890ab",
    "logger.api_key=${oc.env:X}",
    'logger.api_key="$LOGGER_API_KEY"',
    "password=\ntoken:\n  next: 1",
    "a.auth=true token=null",
    "git@github.com:x/y.git https://host:8080/a@b",
    "postgresql://u:${oc.env:PW}@db",
    "Authorization: $TOKEN",
    "bearer of bad news",
    "time=12:30:45 token_count=5",
    "interval(1e-5, 1e-1) /path/to/passwords.txt",
]


@pytest.mark.parametrize("text", MASKED)
def test_a_secret_is_masked_and_the_text_around_it_is_kept(text: str) -> None:
    assert mask_forms(text) == MASKED[text]
    assert mask_forms(MASKED[text]) == MASKED[text]


@pytest.mark.parametrize("text", KEPT)
def test_text_that_only_resembles_a_secret_is_kept(text: str) -> None:
    assert mask_forms(text) == text


@settings(deadline=None)
@given(st.text(), st.text("abcdefghij0123456789", min_size=4), st.sampled_from([" ", "\n", ", ", "; ", "} "]))
def test_an_assignment_is_masked_at_any_position(before: str, value: str, after: str) -> None:
    assert f"password={value}" not in mask_forms(f"{before}\npassword={value}{after}")


@pytest.mark.parametrize(
    "part",
    ["a", "a.", "\"'", "password=", "eyJ-", "a://", "--a ", "= ", "\\", "x:", "bearer ", "-----BEGIN PRIVATE KEY-----"],
)
def test_masking_time_is_bounded_for_repetitive_text(part: str) -> None:
    began = time.monotonic()
    mask_forms(part * (40_000 // len(part)))

    assert time.monotonic() - began < 10
