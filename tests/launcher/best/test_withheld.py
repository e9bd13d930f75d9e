from __future__ import annotations

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_vertex.launcher.best.withheld import MISSING, Withheld, withhold, without_keys
from hydra_vertex.launcher.secrets.masker import NO_SECRETS, masker
from hydra_vertex.protocol.json import JsonObject

REFERENCE = "${oc.env:WANDB_API_KEY}"


@pytest.mark.parametrize(
    ("config", "base", "expected", "withheld"),
    [
        ({"a": {"api_key": "x"}}, {"a": {"api_key": REFERENCE}}, {"a": {"api_key": REFERENCE}}, ["a.api_key"]),
        ({"a": {"api_key": "x"}}, {"a": {}}, {"a": {"api_key": MISSING}}, ["a.api_key"]),
        ({"a": {"api_key": "x"}}, {"a": {"api_key": MISSING}}, {"a": {"api_key": MISSING}}, ["a.api_key"]),
        # OmegaConf keeps a default when ??? is merged over it.
        ({"a": {"api_key": "x"}}, {"a": {"api_key": None}}, {"a": {"api_key": "${oc.env:A_API_KEY}"}}, ["a.api_key"]),
        ({"url": "https://u:p@h"}, {"url": "x"}, {"url": "${oc.env:URL}"}, ["url"]),
        ({"token": 5}, {}, {"token": MISSING}, ["token"]),
        ({"l": [{"token": "x", "n": 1}]}, {"l": []}, {"l": [{"token": MISSING, "n": 1}]}, ["l[0].token"]),
        ({"credentials": {"user": "u"}}, {}, {"credentials": {"user": MISSING}}, ["credentials.user"]),
        ({"note": "has hunter22 in it"}, {}, {"note": MISSING}, ["note"]),
        # The app's config already contains this value.
        ({"password": "x", "lr": 2}, {"password": "x", "lr": 1}, {"password": "x", "lr": 2}, []),
        ({"api_key": REFERENCE, "auth": True}, {}, {"api_key": REFERENCE, "auth": True}, []),
        ({"sort_key": "a", "n": None, "l": [True]}, {}, {"sort_key": "a", "n": None, "l": [True]}, []),
    ],
)
def test_a_secret_is_replaced_by_the_reference_of_the_app_or_by_a_gap(
    config: JsonObject, base: JsonObject, expected: JsonObject, withheld: list[str]
) -> None:
    result, removed = withhold(config, base, mask=masker(["hunter22"]))

    assert result == expected
    assert [item.key for item in removed] == withheld
    assert all(item.is_gap is (item.instead != REFERENCE) for item in removed)


def test_the_reference_of_the_default_config_is_used_when_the_chosen_groups_have_none() -> None:
    result, _ = withhold({"api_key": "x"}, {"api_key": "y"}, {"api_key": REFERENCE}, mask=NO_SECRETS)

    assert result == {"api_key": REFERENCE}


@pytest.mark.parametrize("base", [{}, {"password": "default"}, {"password": None}, {"password": "???"}])
def test_an_unfilled_gap_raises_an_error(base: JsonObject) -> None:
    result, _ = withhold({"password": "x"}, base, mask=NO_SECRETS)

    merged = OmegaConf.merge(OmegaConf.create(dict(base)), OmegaConf.create(dict(result)))
    with pytest.raises(OmegaConfBaseException):
        _ = merged.password


def test_the_comment_states_what_to_fill_in_and_how() -> None:
    comment = Withheld("a.token", MISSING).comment()

    assert comment.startswith("FILL IN the value of a.token, a secret that the study got from its command line")
    assert comment.endswith("write it here as ${oc.env:A_TOKEN}, or give it on the command line")
    assert Withheld("l[0].token", MISSING).comment().endswith("write it here")
    assert f"the file has the app's own {REFERENCE}" in Withheld("a", REFERENCE, is_gap=False).comment()


def test_keys_are_removed_at_any_depth() -> None:
    assert without_keys({"a": {"b": 1, "c": 2}, "d": 3}, {"a.b", "d"}) == {"a": {"c": 2}}
