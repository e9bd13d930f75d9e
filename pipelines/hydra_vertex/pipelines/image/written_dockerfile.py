"""Writes the Dockerfile of an app that has none. Pure."""

from __future__ import annotations

import json
import shlex

from .source import PyProject, RequirementsFile, UvProject, WrittenFor

FOLDER = "/app"
"""The folder of the app in the image."""
UV_VERSION = "0.13.9"

_HEAD = """\
FROM {base}
USER 0:0
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# A base keeps its own virtual environment, and its packages stay importable in a new one.
RUN python3 -c "import sys; sys.exit(sys.prefix == sys.base_prefix)" || python3 -m venv --system-site-packages /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR {folder}
"""
_TAIL = """\
# Any user of group 0 can write here: Hydra writes its outputs into the working directory.
RUN install --directory --mode=0775 --group=0 /home/app && chmod 0775 {workdir}
ENV HOME=/home/app LOGNAME=app PYTHONUNBUFFERED=1
WORKDIR {workdir}
USER 1000:0
"""
_UV = f"""\
RUN python -m pip install uv=={UV_VERSION}
ENV UV_PROJECT_ENVIRONMENT=/opt/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1
"""
_UV_FIRST = """\
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --inexact --no-dev --no-install-project
COPY . .
"""
_UV_PROJECT = "RUN uv sync --locked --inexact --no-dev\n"


def dockerfile_text(source: WrittenFor, base: str, workdir: str = FOLDER) -> str:
    """Return the Dockerfile. Its last user is not root, and it gets no variable from outside.

    `workdir` is where the app's command starts, FOLDER or a folder below it. Requirements are a layer before the code,
    where they name no file of it.
    """
    return _HEAD.format(base=base, folder=FOLDER) + _installed(source) + _TAIL.format(folder=FOLDER, workdir=workdir)


def _installed(source: WrittenFor) -> str:
    match source:
        case UvProject(refers_to_files=True):
            return f"{_UV}COPY . .\n{_UV_PROJECT}"
        case UvProject(has_build_system):
            return _UV + _UV_FIRST + (_UV_PROJECT if has_build_system else "")
        case RequirementsFile(name, refers_to_files=True):
            return f"COPY . .\nRUN python -m pip install --requirement {shlex.quote(name)}\n"
        case RequirementsFile(name):
            copy = f"COPY {json.dumps([name, f'/requirements/{name}'])}"
            return f"{copy}\nRUN python -m pip install --requirement {shlex.quote(f'/requirements/{name}')}\nCOPY . .\n"
        case PyProject(None):
            return "COPY . .\nRUN python -m pip install .\n"
        case PyProject(dependencies):
            return f"RUN python -m pip install {shlex.join(dependencies or ())}\nCOPY . .\n"
