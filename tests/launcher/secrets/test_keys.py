from __future__ import annotations

import pytest

from hydra_vertex.launcher.secrets.keys import is_reference, is_secret, is_secret_key, variable_name

SECRETS = """
password passwords db.password db.passwd x.passphrase secret client_secret clientSecret secrets.a.b token hf_token
hfToken oauth.token api_token api_tokens refresh_tokens auth use_auth basic-auth Authorization api_key apiKey
api-key API_KEY WANDB_API_KEY logger.wandb.api_key aws_secret_access_key AWS_SECRET_ACCESS_KEY private_key ssh_key
encryption_key wandb_key account_key credentials creds db.credentials.user credentials[0].name auth.type
password1 password_2 +wandb.token ++a.password ~token --api-key cookie data@train.token
"""
OTHERS = """
tokenizer tokenizer.name max_tokens num_tokens tokens n_tokens pad_token eos_token mask_token special_token stop_token
author authority sort_key group_key primary_key image_key label_key cache_key resume_key public_key key keys n_keys
keyboard monkey password_file token_path secret_name secretary passwordless lr optimizer.lr oauthlib PWD pass
"""


@pytest.mark.parametrize("key", SECRETS.split())
def test_a_key_with_the_name_of_a_secret_is_secret(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize("key", OTHERS.split())
def test_a_key_whose_name_only_resembles_a_secret_is_not_secret(key: str) -> None:
    assert not is_secret_key(key)


@pytest.mark.parametrize(
    ("key", "value", "hidden"),
    [
        ("password", "x", True),
        ("password", "", False),
        ("auth", "true", False),
        ("token", "null", False),
        ("api_key", "${oc.env:API_KEY}", False),
        ("api_key", "${oc.env:API_KEY,null}", False),
        ("api_key", "${oc.env:API_KEY,abc}", True),
        ("api_key", "$API_KEY", False),
        ("api_key", "$(API_KEY)", False),
        ("api_key", "???", False),
        ("acme_key", "a1b2c3d4e5f6a7b8", True),
        ("acme_key", "width", False),
        ("acme_key", "some-longer-words-only", False),
        ("sort_key", "a1b2c3d4e5f6a7b8", False),
        ("key", "a1b2c3d4e5f6a7b8", False),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json", False),
        ("credentials", "me:pw", True),
    ],
)
def test_the_value_also_decides_whether_a_key_is_secret(key: str, value: str, hidden: bool) -> None:
    assert is_secret(key, value) is hidden


def test_only_a_complete_reference_counts_as_a_reference() -> None:
    assert is_reference("${oc.env:NAME}")
    assert not is_reference("${oc.env:NAME} and more")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("logger.api_key", "LOGGER_API_KEY"),
        ("+a@b.token", "A_B_TOKEN"),
        ("--pw", "PW"),
        ("1.x", "SECRET_1_X"),
        ("é", "SECRET_"),
    ],
)
def test_the_shell_variable_of_a_key_is_named_after_it(key: str, name: str) -> None:
    assert variable_name(key) == name
