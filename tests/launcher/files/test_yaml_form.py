from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_vertex.launcher.files.reading import MAX_DEPTH, SEARCH_FILE
from hydra_vertex.launcher.files.yaml_form import load_yaml
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: v}\n" + "".join(
    f"{name}: &{name} {{{', '.join(f'k{i}: *{before}' for i in range(9))}}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "billion laughs": (LAUGHS, "with its aliases (*name) expanded"),
    "billion laughs in mappings": (MERGES, "with its aliases (*name) expanded"),
    "one long text many times": (f"a: &a {'x' * 100_000}\nb: [*a, *a, *a]", "with its aliases (*name) expanded"),
    "a list in itself": ("&a [*a]", "the alias *a refers to a part that contains the alias"),
    "a mapping in itself": ("x: &a {y: {z: *a}}", "the alias *a refers to a part that contains the alias"),
    "a mapping merged into itself": ("x: &a {<<: *a}", "the alias *a refers to a part that contains the alias"),
    "100,000 open brackets": ("[" * 100_000, f"nested more than {MAX_DEPTH} levels deep"),
    "100,000 nested brackets": ("[" * 100_000 + "]" * 100_000, f"nested more than {MAX_DEPTH} levels deep"),
    "100,000 nested mappings": ("{a: " * 50_000, f"nested more than {MAX_DEPTH} levels deep"),
    "nested blocks": ("- " * 1000 + "x", f"nested more than {MAX_DEPTH} levels deep"),
    "too large": ("x: " + "y" * SEARCH_FILE.limit_bytes, "a search file may have at most 262,144"),
    "an object": ("a: !!python/object/apply:os.system [id]", "the tag !!python/object/apply:os.system is not allowed"),
    "bytes": ("a: !!binary aGVsbG8=", "the tag !!binary is not allowed"),
    "a set": ("a: !!set {x, y}", "the tag !!set is not allowed"),
    "an application tag": ("a: !mine x", "the tag !mine is not allowed"),
    "a key twice": ("a: 1\nb: {c: 1, c: 2}", "the key 'c' is given twice"),
    "an unknown alias": ("a: *b", "not YAML"),
    "an invalid number": ("a: !!int x", "not YAML"),
    "an invalid bool": ("a: !!bool x", "not YAML"),
    "an empty number": ("a: !!int ''", "not YAML"),
    "a number of 5,000 digits": ("a: " + "9" * 5000, "not YAML"),
    "a key that is a list": ("? [1]\n: 2", "not YAML"),
    "an unclosed list": ("a: [", "not YAML"),
    "a control character": ("a: \x07", "not YAML"),
    "half a surrogate pair": ('a: "\\ud800"', "not YAML"),
}


def load(folder: Path, text: str) -> Json:
    file = folder / "search.yaml"
    file.write_text(text)
    return load_yaml(file, SEARCH_FILE)


@pytest.mark.parametrize("case", BOMBS)
def test_a_document_that_is_not_small_and_plain_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    text, expected = BOMBS[case]
    if case == "half a surrogate pair" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML's Python scanner accepts it; it is refused later, when it is used")

    with pytest.raises(SearchSpaceError) as caught:
        load(tmp_path, text)

    message = str(caught.value)
    assert expected in message
    assert message.startswith(f"{tmp_path / 'search.yaml'}: ")
    assert "\n" not in message
    assert len(message) < 600


@pytest.mark.parametrize("case", ["billion laughs", "100,000 nested brackets", "too large", "one long text many times"])
def test_a_bomb_is_refused_with_little_memory(tmp_path: Path, case: str) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(BOMBS[case][0])
    code = (
        "import sys; from pathlib import Path; from hydra_vertex.launcher.search_space import load_search_space\n"
        "try: load_search_space(Path(sys.argv[1]))\n"
        "except Exception as error: sys.exit(str(error)[-40:])"
    )

    def limit_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (10, 10))

    ended = subprocess.run(
        [sys.executable, "-c", code, str(file)], preexec_fn=limit_memory, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.endswith(SEARCH_FILE.advice[-20:] + "\n")


def test_aliases_merges_and_anchors_of_ordinary_files_are_accepted(tmp_path: Path) -> None:
    text = "base: &base {lr: 0.1, depth: 2}\nbig: {<<: *base, depth: 8}\nlist: [*base, &text word, *text]\n"

    assert load(tmp_path, text) == {
        "base": {"lr": 0.1, "depth": 2},
        "big": {"lr": 0.1, "depth": 8},
        "list": [{"lr": 0.1, "depth": 2}, "word", "word"],
    }


def test_dates_remain_text_as_in_hydra(tmp_path: Path) -> None:
    document = load(tmp_path, "a: 2020-01-31\nb: 2026-01-31T12:00:00Z\nc: 2001-99-99")

    assert document == {"a": "2020-01-31", "b": "2026-01-31T12:00:00Z", "c": "2001-99-99"}


def test_the_standard_tags_and_only_the_first_document_are_read(tmp_path: Path) -> None:
    assert load(tmp_path, "a: !!str 007\nb: !!float 1\n---\nx: !!python/none") == {"a": "007", "b": 1.0}
    assert load(tmp_path, "") is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(_VALUES)
def test_a_document_written_by_pyyaml_is_read_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, value: Json
) -> None:
    text = yaml.safe_dump(value)

    assert load(tmp_path_factory.getbasetemp(), text) == value
