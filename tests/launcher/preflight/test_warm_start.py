"""Which keys of an app's config take the path of a checkpoint, by the app's own answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.job import DoubleRange, Goal, MetricSpec, ParameterSpec, StudySpec
from hydra_vertex.launcher.preflight.check import check_space
from trial.apps import write_app

SPEC = StudySpec(metrics=(MetricSpec("loss", Goal.MINIMIZE),), parameters=(ParameterSpec("lr", DoubleRange(0.1, 1.0)),))
FILES = {
    "conf/config.yaml": "defaults: [schema, {group: one}, _self_]\n",
    "conf/group/one.yaml": "a: 1\n",
    "train.py": """
        from dataclasses import dataclass, field
        from pathlib import Path
        from typing import Any, Dict, List, Optional

        import hydra
        from hydra.core.config_store import ConfigStore

        @dataclass
        class Config:
            lr: float = 0.1
            text: str = "a"
            optional: Optional[str] = None
            path: Optional[Path] = None
            anything: Any = None
            number: int = 1
            flag: bool = True
            items: List[str] = field(default_factory=list)
            nested: Dict[str, str] = field(default_factory=dict)
            group: Any = None

        ConfigStore.instance().store("schema", Config)

        @hydra.main(config_path="conf", config_name="config", version_base="1.3")
        def main(cfg):
            raise AssertionError("a check trains nothing")

        if __name__ == "__main__":
            main()
        """,
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_app(tmp_path_factory.mktemp("app"), **FILES)


def problems(app: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(app)
    result = check_space(("python", "train.py"), SPEC, warm_start_key=key)
    return [str(finding) for finding in result.findings]


@pytest.mark.parametrize("key", ["text", "optional", "path", "anything"])
def test_a_key_for_text_or_a_path_takes_a_checkpoint(app: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(app, key, monkeypatch) == []


@pytest.mark.parametrize("key", ["number", "flag", "items", "nested", "group", "optinal", "deep.er"])
def test_any_other_key_is_refused_by_name(app: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(app, key, monkeypatch)

    assert problem.startswith(f"--warm-start {key}: ")


def test_the_most_similar_key_is_named(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(app, "optinal", monkeypatch)

    assert "'optional'" in problem
