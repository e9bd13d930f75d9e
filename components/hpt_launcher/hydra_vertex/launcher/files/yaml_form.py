"""Parses YAML into a document of bounded size. The size with all aliases expanded is checked before it is built.

Loading uses PyYAML's safe loader, with libyaml where PyYAML has it, and differs from it in three points: a mapping may
not have a key twice, dates stay text as in Hydra, and tags that make other types than those of JSON are refused.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hydra_vertex.protocol.json import Json

from .reading import MAX_DEPTH, TOO_DEEP, FileKind, malformed, read_text

_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD = "tag:yaml.org,2002:"
_TAGS = {"!", *(_STANDARD + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge"))}


class _Loader(_SafeLoader):  # type: ignore[misc, valid-type] # its base is chosen when it is imported
    """The safe loader, with an error for duplicate keys and without dates."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping. Raises ConstructorError for a duplicate key."""
        seen: set[tuple[str, object]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add((key.tag, key.value))
        result: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return result


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != f"{_STANDARD}timestamp"]
    for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(path: Path, kind: FileKind) -> Json:
    """Read the first document of a YAML file; None for an empty file. Raises the kind's error."""
    return parse_yaml(read_text(path, kind), path, kind)


def parse_yaml(text: str, path: Path, kind: FileKind) -> Json:
    """Return the first document in a YAML text, which was read from `path`. Raises the kind's error."""
    try:
        sizes = _Sizes(kind.limit_bytes)
        for event in _events_of_first_document(text):
            sizes.add(event)
        document: Json = next(yaml.load_all(text, _Loader), None)
    except _Refused as error:
        raise kind.failure(path, str(error)) from error
    except (yaml.YAMLError, ValueError, LookupError) as error:
        if "exceeded maximum nesting depth" in str(error):  # libyaml's own limit, since PyYAML 6.0.4
            raise kind.failure(path, TOO_DEEP) from error
        # The constructors of !!int and !!bool raise ValueError and KeyError.
        raise malformed(path, kind, "YAML", str(error).replace('in "<unicode string>", ', "at ")) from error
    return document


class _Refused(Exception):  # noqa: N818 - the document is valid YAML, but refused
    """Why a valid YAML document is refused."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read: its anchor, and its number of characters with its aliases expanded."""

    anchor: str | None
    characters: int = 1


@dataclass(slots=True)
class _Sizes:
    """The size and depth of the document that the events so far would build."""

    limit: int
    characters: int = 0
    open: list[_Open] = field(default_factory=list)
    of_anchors: dict[str, int] = field(default_factory=dict)

    def add(self, event: yaml.Event) -> None:
        """Count an event. Raises _Refused at the first event that exceeds a limit."""
        match event:
            case yaml.AliasEvent():
                self._count(self._size_of_alias(event.anchor))
            case yaml.ScalarEvent():
                _refuse_foreign_tag(event.tag)
                self._count(1 + len(event.value))
                self._remember(event.anchor, 1 + len(event.value))
            case yaml.CollectionStartEvent():
                _refuse_foreign_tag(event.tag)
                self._begin(event.anchor)
            case yaml.CollectionEndEvent():
                ended = self.open.pop()
                self._remember(ended.anchor, ended.characters)
                if self.open:
                    self.open[-1].characters += ended.characters

    def _begin(self, anchor: str | None) -> None:
        self.characters += 1
        self.open.append(_Open(anchor))
        if len(self.open) > MAX_DEPTH:
            raise _Refused(TOO_DEEP)

    def _count(self, characters: int) -> None:
        self.characters += characters
        if self.open:
            self.open[-1].characters += characters
        if self.characters > self.limit:
            raise _Refused(f"has more than {self.limit:,} characters with its aliases (*name) expanded")

    def _size_of_alias(self, anchor: str | None) -> int:
        if any(opened.anchor == anchor for opened in self.open):
            raise _Refused(f"the alias *{anchor} refers to a part that contains the alias")
        # The loader refuses an unknown anchor, with its line number.
        return 1 + self.of_anchors.get(anchor or "", 0)

    def _remember(self, anchor: str | None, characters: int) -> None:
        if anchor is not None:
            self.of_anchors[anchor] = characters


def _events_of_first_document(text: str) -> Iterator[yaml.Event]:
    for event in yaml.parse(text, _Loader):
        yield event
        if isinstance(event, yaml.DocumentEndEvent):
            return


def _refuse_foreign_tag(tag: str | None) -> None:
    if tag is not None and tag not in _TAGS:
        raise _Refused(f"the tag {tag.replace(_STANDARD, '!!')} is not allowed; write plain text or a number")
