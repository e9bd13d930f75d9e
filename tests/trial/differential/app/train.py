"""The app of the differential test: keys of every kind; prints its config as one line of typed JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Dict, List, Optional, Union  # noqa: UP035 - OmegaConf 2.2 reads these

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig
from typed_json import typed


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Part:
    size: int = 1
    name: str = "part"


@dataclass
class Schema:
    i: int = 1
    f: float = 0.5
    b: bool = True
    s: str = "x"
    e: Color = Color.RED
    p: Path = Path("a")
    oi: Optional[int] = None  # noqa: UP045 - OmegaConf 2.2 reads these
    of: Optional[float] = 1.0  # noqa: UP045
    ob: Optional[bool] = None  # noqa: UP045
    os: Optional[str] = None  # noqa: UP045
    oe: Optional[Color] = None  # noqa: UP045
    ui: Union[int, str] = 1  # noqa: UP007
    uf: Union[float, bool] = 1.0  # noqa: UP007
    uo: Union[int, float, str, None] = None  # noqa: UP007
    mi: int = MISSING
    ms: str = MISSING
    a: Any = 1
    li: List[int] = field(default_factory=lambda: [1, 2])  # noqa: UP006
    lf: List[float] = field(default_factory=lambda: [0.5])  # noqa: UP006
    ls: List[str] = field(default_factory=lambda: ["a"])  # noqa: UP006
    di: Dict[str, int] = field(default_factory=lambda: {"one": 1})  # noqa: UP006
    de: Dict[Color, float] = field(default_factory=lambda: {Color.RED: 0.5})  # noqa: UP006
    part: Part = field(default_factory=Part)
    parts: List[Part] = field(default_factory=lambda: [Part()])  # noqa: UP006


ConfigStore.instance().store(name="schema", node=Schema, package="t")


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    print("CONFIG", json.dumps(typed(config), sort_keys=True), flush=True)
    return 0.5


if __name__ == "__main__":
    main()
