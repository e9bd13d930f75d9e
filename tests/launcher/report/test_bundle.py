from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hydra_vertex.launcher import report

FOLDER = Path(report.__file__).parent / "plotly"
BUNDLE = Path(__file__).parents[3] / "components/hpt_launcher/plotly_bundle"


def test_the_bundle_is_small_and_needs_no_right_to_evaluate_text() -> None:
    text = (FOLDER / "plotly.min.js").read_text(encoding="utf-8")

    assert len(text) < 1_200_000
    assert "new Function(" not in text
    assert not re.search(r"\beval\(", text)


def test_the_bundle_has_the_version_that_its_build_names() -> None:
    pinned = json.loads((BUNDLE / "package.json").read_text())["devDependencies"]["plotly.js"]

    assert (FOLDER / "plotly.min.js").read_text(encoding="utf-8").startswith(f"/* plotly.js {pinned}, ")
    assert f"plotly.js {pinned}: MIT" in (FOLDER / "LICENSES.txt").read_text(encoding="utf-8")


def test_the_bundle_has_the_major_version_of_the_newest_plotly_of_python() -> None:
    offline = pytest.importorskip("plotly.offline")
    if offline.get_plotlyjs_version().split(".")[0] == "3":
        pytest.skip(
            "an older plotly, whose figures plotly.js 4 draws as well: the browser's tests use the installed one"
        )
    assert (
        (FOLDER / "plotly.min.js")
        .read_text(encoding="utf-8")
        .startswith(f"/* plotly.js {offline.get_plotlyjs_version().split('.')[0]}.")
    )
