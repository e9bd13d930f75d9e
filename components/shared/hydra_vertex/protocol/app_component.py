"""What a component made from an app sets: the app's command, and the config key of each input and output.

The compiler writes it into the component's command, `hydra-trial --component JSON`; the step reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import json
from .errors import DocumentError
from .json import Json, JsonObject, array_of, object_of

TEXT, INTEGER, FLOAT, BOOLEAN, LIST, DICT = "str", "int", "float", "bool", "list", "dict"
KINDS = (TEXT, INTEGER, FLOAT, BOOLEAN, LIST, DICT)
"""How a parameter's value becomes an override."""

MODEL, OUTPUT_DIR = "model", "output_dir"
"""The outputs that are no key of the app: what it writes to AIP_MODEL_DIR, and Hydra's output folder."""

METRICS, METRIC_VALUE = "metrics", "metric_value"
"""The outputs that every component has: the metrics that the app returns, and the first one's value."""


@dataclass(frozen=True, slots=True)
class AppParameter:
    """A parameter of the component that sets a key, which may begin with `+`.

    `sample` is the app's own list or mapping, whose numbers tell which of a value's are floats: a pipeline makes every
    number a double. `skips_empty`: an empty text leaves the key to the app.
    """

    name: str
    key: str
    kind: str = TEXT
    sample: Json = None
    skips_empty: bool = False
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class AppComponent:
    """`inputs` and `outputs` map an artifact's name to the key that gets its local path.

    `model` and `output_dir` are the names of the outputs MODEL and OUTPUT_DIR; empty for none.
    """

    app: tuple[str, ...]
    parameters: tuple[AppParameter, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    output_dir: str = ""
    metric: str = ""


def dump_app_component(component: AppComponent) -> JsonObject:
    """Return the component as a JSON object."""
    return {
        "app": list(component.app),
        "parameters": [_dump_parameter(parameter) for parameter in component.parameters],
        "inputs": dict(component.inputs),
        "outputs": dict(component.outputs),
        "model": component.model,
        "outputDir": component.output_dir,
        "metric": component.metric,
    }


def parse_app_component(text: str) -> AppComponent:
    """Read the JSON form of `dump_app_component`. Raises DocumentError."""
    try:
        top = object_of(json.loads(text))
        return AppComponent(
            app=tuple(str(word) for word in array_of(top["app"])),
            parameters=tuple(_parameter(object_of(item)) for item in array_of(top["parameters"])),
            inputs=_texts(top["inputs"]),
            outputs=_texts(top["outputs"]),
            model=str(top["model"]),
            output_dir=str(top["outputDir"]),
            metric=str(top["metric"]),
        )
    except (KeyError, ValueError) as error:
        problem = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise DocumentError("--component", f"{problem}; `hydra-vertex component --from-app` writes it") from error


def _dump_parameter(parameter: AppParameter) -> JsonObject:
    return {
        "name": parameter.name,
        "key": parameter.key,
        "kind": parameter.kind,
        "sample": parameter.sample,
        "skipsEmpty": parameter.skips_empty,
        "isSecret": parameter.is_secret,
    }


def _parameter(item: JsonObject) -> AppParameter:
    if item["kind"] not in KINDS:
        raise ValueError(f"expected a kind of {', '.join(KINDS)}, got {item['kind']!r}")
    return AppParameter(
        name=str(item["name"]),
        key=str(item["key"]),
        kind=str(item["kind"]),
        sample=item["sample"],
        skips_empty=item["skipsEmpty"] is True,
        is_secret=item.get("isSecret") is True,  # a component of an earlier version does not have it
    )


def _texts(value: Json) -> dict[str, str]:
    return {name: str(text) for name, text in object_of(value).items()}
