from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.cli.mcp.rules import Rules, require_plain_override
from hydra_vertex.protocol.errors import CommandError, OutputError, UserError

APP = ("python", "app.py")


@pytest.mark.parametrize("text", ["a", "a/b.yaml", "./a", "a/../b", ".", "missing/deep"])
def test_a_path_below_the_root_is_resolved(tmp_path: Path, text: str) -> None:
    assert Rules(tmp_path, APP).path(text) == (tmp_path / text).resolve()
    assert Rules(tmp_path, APP).path(str(tmp_path / text)) == (tmp_path / text).resolve()


@pytest.mark.parametrize("text", ["..", "../x", "/etc/passwd", "a/../../x", "link", "link/x", "\0", "~/../../x/../.."])
def test_a_path_outside_of_the_root_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)

    with pytest.raises(OutputError):
        Rules(tmp_path / "root", APP).path(text)


@given(st.lists(st.sampled_from(["..", ".", "a", "link", "/", "", "b.yaml"]), max_size=8))
def test_no_path_leaves_the_root(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    root = tmp_path_factory.getbasetemp() / "a-root"
    root.mkdir(exist_ok=True)

    try:
        found = Rules(root.resolve(), APP).path("/".join(parts))
    except OutputError:
        return
    assert found.is_relative_to(root.resolve())


@pytest.mark.parametrize(
    "override",
    [
        *("lr=1", "a.b=c", "+new=1", "++new=1", "~gone", "~a.b=1", "model=small", "hydrant=1", "a.hydra=1", "x='a b'"),
        *("g@hydrant=x", "a=b@hydra=c", "x=1..2", "x=...", "x=a../b", "x=..a", "x=./a"),
        *("x=${a.b}", "x='${a}/${b}'", "x=[${a},1]", "x=$a", "x={a:b}", "x=a:b"),
    ],
)
def test_an_override_of_the_app_s_config_is_passed_on(tmp_path: Path, override: str) -> None:
    assert Rules(tmp_path, APP).command([override]) == (*APP, override)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("--multirun", "not a flag"),
        ("-cd=/etc", "not a flag"),
        ("--config-dir=/etc", "not a flag"),
        ("plain", "not a flag"),
        ("", "not a flag"),
        ("hydra.run.dir=/etc", "Hydra's own settings"),
        ("hydra/launcher=x", "Hydra's own settings"),
        ("+hydra.x=1", "Hydra's own settings"),
        ("++hydra.searchpath=[/x]", "Hydra's own settings"),
        ("~hydra.sweeper", "Hydra's own settings"),
        ("hydra={run: {dir: /x}}", "Hydra's own settings"),
        ("+g@hydra=x", "Hydra's own settings"),
        ("g@_global_.hydra.run=x", "Hydra's own settings"),
        ("+g@hydra/launcher=x", "Hydra's own settings"),
        ("x='${oc.decode:\"{_tar${g}et_: builtins.list}\"}'", "resolver"),
        ("x=${eval:1}", "resolver"),
        ("x=${oc.env:SECRET}", "resolver"),
        ("x='a${ oc.env : SECRET }'", "resolver"),
        ("x={a:'${oc.env:SECRET}'}", "resolver"),
        ("x=$\\{oc.env\\:SECRET\\}", "resolver"),
        ("x=${a.${b}}", "resolver"),
        ("x=${oc.env:${a}}", "resolver"),
        ("x=${a", "resolver"),
        ("+g=../x", "below the root"),
        ("+g=..", "below the root"),
        ("+g=./a/../../x", "below the root"),
        ("+g='../x'", "below the root"),
        ("+g=[a,../x]", "below the root"),
        ("+x={a:../x}", "below the root"),
        ("g=a/..", "below the root"),
        ("model._target_=os.system", "_target_"),
        ("model={_target_: os.system}", "_target_"),
    ],
)
def test_an_override_that_could_start_other_code_is_refused(override: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        require_plain_override(override)


def test_a_server_without_an_app_starts_none(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="has no app"):
        Rules(tmp_path, ()).command([])


@pytest.mark.parametrize(
    ("trials", "parallel", "time_s", "says"),
    [(6, 1, 1, "trials is 6.*--max-trials"), (1, 3, 1, "--max-parallel"), (1, 1, 99, "--max-time")],
)
def test_a_run_above_a_limit_is_refused(tmp_path: Path, trials: int, parallel: int, time_s: float, says: str) -> None:
    rules = Rules(tmp_path, APP, max_parallel=2, max_time_s=60)

    with pytest.raises(UserError, match=says):
        rules.require_limits(trials, parallel, time_s, left=5)
    rules.require_limits(5, 2, 60, left=5)
