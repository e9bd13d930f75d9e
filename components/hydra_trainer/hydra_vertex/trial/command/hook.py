"""The start-up hook: what hydra-trial hands over to an app that another program starts, and what comes back.

It travels in one environment variable. Results come back as files in a folder of this run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.files import write_atomic

from .installation import BOOTSTRAP, Installation
from .wrapper_words import python_path

HOOK = "HYDRA_TRIAL_HOOK"
HOOK_FOLDER = str(BOOTSTRAP / "python_path")
_PYTHONPATH = "PYTHONPATH"


@dataclass(frozen=True, slots=True)
class Hook:
    """`options` are hydra-trial's own, `parameters` the trial's; `words` are the wrapper's command without them."""

    folder: Path
    options: tuple[str, ...]
    parameters: tuple[str, ...]
    words: tuple[str, ...]
    installation: Installation

    @property
    def result_file(self) -> Path:
        """The file with the result of the app's call of its main."""
        return self.folder / "result.json"

    @property
    def explanation_file(self) -> Path:
        """The file with the explanation, if one was asked for."""
        return self.folder / "explanation.json"

    def to_environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return `base` with the hook's variable and its folder on Python's import path."""
        return {**base, HOOK: _dumps(self), _PYTHONPATH: python_path(base, HOOK_FOLDER)}


@dataclass(frozen=True, slots=True)
class Result:
    """How the app's call of its main ended. `exit_code` is that of an error of hydra-trial, 0 without one.

    `is_refusal` means that the app's main did not run.
    """

    exit_code: int = 0
    is_refusal: bool = False


def hook_in(environ: Mapping[str, str]) -> Hook | None:
    """Return the hook that these variables hold; None without one, or when its run has ended."""
    text = environ.get(HOOK)
    hook = _parse(text) if text else None
    return hook if hook is not None and hook.folder.is_dir() else None


def remove_hook(environ: MutableMapping[str, str]) -> None:
    """Remove the hook from the variables, so that child processes do not get it."""
    environ.pop(HOOK, None)
    folders = [f for f in environ.get(_PYTHONPATH, "").split(os.pathsep) if f != HOOK_FOLDER]
    if any(folders):
        environ[_PYTHONPATH] = os.pathsep.join(folders)
    else:
        environ.pop(_PYTHONPATH, None)


def with_options(hook: Hook, options: tuple[str, ...]) -> str:
    """Return the variable's text with other options."""
    return _dumps(replace(hook, options=options))


def write_result(hook: Hook, result: Result) -> None:
    """Write the result for the waiting hydra-trial; a run that has ended needs none."""
    if hook.folder.is_dir():
        write_atomic(
            hook.result_file, json.dumps({"exitCode": result.exit_code, "isRefusal": result.is_refusal}) + "\n"
        )


def read_result(hook: Hook) -> Result | None:
    """Return the result; None when no app has called its main to its end."""
    try:
        content = json.loads(hook.result_file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(content, Mapping):
        return None
    code = content.get("exitCode")
    return Result(code if isinstance(code, int) else 1, content.get("isRefusal") is True)


def _dumps(hook: Hook) -> str:
    installation = hook.installation
    return json.dumps(
        {
            "folder": str(hook.folder),
            "options": list(hook.options),
            "parameters": list(hook.parameters),
            "words": list(hook.words),
            "installation": {
                "namespace": list(installation["namespace"]),
                "hypertune": installation["hypertune"],
                "metadata": installation["metadata"],
            },
        }
    )


def _parse(text: str) -> Hook | None:
    import json as plain_json  # the variable is this module's own text

    try:
        content = plain_json.loads(text)
        return Hook(
            folder=Path(content["folder"]),
            options=tuple(content["options"]),
            parameters=tuple(content["parameters"]),
            words=tuple(content["words"]),
            installation=content["installation"],
        )
    except (ValueError, KeyError, TypeError):
        return None
