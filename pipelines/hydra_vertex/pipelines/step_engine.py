"""The text of the pipeline's parameter `engine`: a service that the step `tune` starts itself."""

from __future__ import annotations

from hydra_vertex.launcher.steps.own_service import require_no_step_label
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.kubernetes.settings import parse_settings
from hydra_vertex.service.trials.engines.options import EngineOptions


def engine_text(options: EngineOptions, folder: str) -> str:
    """Return the parameter's text; the folder is where a volume keeps the study, empty for none.

    Raises UserError for a setting that the engine or the step would refuse, and for a folder that is no absolute path.
    """
    parse_settings(dict(options.settings))
    require_no_step_label(options.settings)
    if folder and not folder.startswith("/"):
        raise UserError(f"--engine-folder {folder}: expected an absolute path in the container, such as /mnt/studies")
    document: JsonObject = {"name": options.name, "settings": dict(options.settings), "folder": folder}
    return json.dumps({key: value for key, value in document.items() if value})
