"""A KFP component made of an app: its inputs are keys of the app's config, with their types and values."""

from __future__ import annotations

import inspect
import keyword
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Optional

from hydra_vertex.launcher.preflight.ask_app import App, asking
from hydra_vertex.launcher.preflight.single_run import not_single_run
from hydra_vertex.launcher.secrets.keys import is_secret_key
from hydra_vertex.launcher.secrets.masker import secrets_in_arguments, secrets_in_document
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.app_component import (
    BOOLEAN,
    DICT,
    FLOAT,
    INTEGER,
    LIST,
    METRIC_VALUE,
    METRICS,
    MODEL,
    OUTPUT_DIR,
    TEXT,
    AppComponent,
    AppParameter,
    dump_app_component,
)
from hydra_vertex.protocol.errors import CommandError, UserError
from hydra_vertex.protocol.executor import parameter_text
from hydra_vertex.protocol.explanation import DescribedKey
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.suggestions import suggest

GROUP = "config group"
ARTIFACTS = (
    *("Artifact", "Dataset", "Model", "HTML", "Markdown"),
    *("Metrics", "ClassificationMetrics", "SlicedClassificationMetrics"),
)
"""The artifact types of KFP that an input or an output can have."""

_TYPES: Mapping[str, type] = {TEXT: str, INTEGER: int, FLOAT: float, BOOLEAN: bool, LIST: list, DICT: dict}
_KIND_OF_KEY = {"Path": TEXT, "enum": TEXT, "any": TEXT, GROUP: TEXT}
_PATH_KINDS = (TEXT, "Path", "any")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_SHOWN_TO_ALL = "which everyone who can read the component's file would see"
_BY_REFERENCE = "refer to a variable of the environment instead, such as '${oc.env:API_KEY}'"
_RESERVED = (METRICS, METRIC_VALUE)


@dataclass(frozen=True, slots=True)
class AppRequest:
    """What a user asks for. `inputs` and `outputs` map a key (or MODEL, OUTPUT_DIR) to the type of an artifact.

    `names` maps a key to the name of its input or output; a key without one gets its own, with `_` for every `.`.
    """

    app: tuple[str, ...]
    params: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    metric: str = ""
    name: str = ""


def app_component(request: AppRequest, image: str) -> Any:
    """Return the component. Raises UserError for what the app's config or KFP does not accept, AppError."""
    _require_types(request)
    _require_name(component_name(request))
    if any(secrets_in_arguments(request.app)):
        raise CommandError(f"the app's command has a secret, {_SHOWN_TO_ALL}; {_BY_REFERENCE}")
    keys = _own_keys(request)
    with asking(request.app) as pending:
        app = pending.connected()
        for problem in not_single_run(app.explain().arguments):
            raise UserError(f"the app's command: {problem}")
        described = _described(app, keys)
    _require_fitting(request, described)
    named = _names(request, described)
    component = _component(request, named, described)
    parameters = [_input_of(parameter, described[parameter.key]) for parameter in component.parameters]
    return _build(request, component, named, parameters, image)


def component_name(request: AppRequest) -> str:
    """Return the component's name: the given one, or else that of the app's program."""
    program = next((word for word in request.app if word.endswith(".py")), "")
    module = request.app[request.app.index("-m") + 1] if "-m" in request.app[:-1] else ""
    last = module.rpartition(".")[2] or PurePath(program or request.app[0]).stem
    return request.name or re.sub(r"[^a-z0-9]+", "_", last.lower()).strip("_") or "app"


def _require_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise CommandError(
            f"{excerpt(repr(name))}: not a name of a component; it has letters, digits, _ and -, begins with a letter, "
            "and is 63 characters long at most"
        )


def _own_keys(request: AppRequest) -> tuple[str, ...]:
    keys = (*request.params, *request.inputs, *(key for key in request.outputs if key not in (MODEL, OUTPUT_DIR)))
    for key in keys:
        if keys.count(key) > 1:
            raise CommandError(f"{key}: is given twice; a key is one input or one output")
    return keys


def _require_types(request: AppRequest) -> None:
    for option, wanted in (("--input", request.inputs), ("--output", request.outputs)):
        for key, type_ in wanted.items():
            if type_ not in ARTIFACTS:
                raise CommandError(f"{option} {key}={type_}: KFP has no artifact {type_!r}{suggest(type_, ARTIFACTS)}")
    unused = [key for key in request.names if key not in (*request.params, *request.inputs, *request.outputs)]
    if unused:
        raise CommandError(f"--alias {request.names[unused[0]]}={unused[0]}: no input and no output has this key")


def _described(app: App, keys: Sequence[str]) -> dict[str, DescribedKey]:
    """Describe the keys. A value that depends on the option of another input that is a config group is left out."""
    described = dict(zip(keys, app.describe(keys), strict=True))
    for group in [key for key, found in described.items() if found.kind == GROUP]:
        for option in described[group].choices:
            for key in _dependent(app, [key for key in keys if key != group], f"--{group}={option}", described):
                described[key] = replace(described[key], value=None)
    return described


def _require_fitting(request: AppRequest, described: Mapping[str, DescribedKey]) -> None:
    """Check that each key can be what it is to be. Raises UserError naming the first one that cannot."""
    for key, found in described.items():
        is_path = key in request.inputs or key in request.outputs
        if not is_path and any(secrets_in_document(found.value, found.name)):
            raise UserError(f"the app's config has a secret in {key}, {_SHOWN_TO_ALL}; {_BY_REFERENCE}")
        if found.kind == "bytes":
            raise UserError(f"{key}: is of type bytes, which Hydra's override syntax cannot express; leave it out")
        if is_path and found.kind not in _PATH_KINDS:
            raise UserError(f"{key}: gets the path of an artifact, and is of type {found.kind}; name a key for a text")
        if found.kind == GROUP and any(_sets(word, key) for word in request.app):
            raise UserError(
                f"--param {key}: the app's command chooses an option of this config group already, and Hydra refuses "
                "two; leave it out there"
            )


def _sets(word: str, key: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.lstrip("+") == key


def _dependent(app: App, keys: Sequence[str], choice: str, described: Mapping[str, DescribedKey]) -> Iterator[str]:
    for key in keys:
        try:
            (there,) = app.describe([key], [choice])
        except UserError:
            yield key
            continue
        if there != described[key]:
            yield key


def _names(request: AppRequest, described: Mapping[str, DescribedKey]) -> dict[str, str]:
    """Return the name of each input and output by its key. Raises CommandError for a name that occurs twice."""
    keys = (*described, *(key for key in request.outputs if key in (MODEL, OUTPUT_DIR)))
    named = {key: request.names.get(key) or _identifier(key) for key in keys}
    for key, name in named.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise CommandError(f"--alias {name}={key}: a name has letters, digits and _, and begins with a letter")
        others = [other for other, taken in named.items() if taken == name and other != key]
        if others or name in _RESERVED:
            taken_by = others[0] if others else "an output that every component has"
            raise CommandError(
                f"{key}: its name {name} is that of {taken_by} too; give another with --alias NAME={key}"
            )
    return named


def _identifier(key: str) -> str:
    name = re.sub(r"\W", "_", key.lstrip("+"), flags=re.ASCII)
    return f"{name}_" if keyword.iskeyword(name) else name if not name[:1].isdigit() else f"_{name}"


def _component(request: AppRequest, named: Mapping[str, str], described: Mapping[str, DescribedKey]) -> AppComponent:
    return AppComponent(
        app=request.app,
        parameters=tuple(_parameter(named[key], described[key], key) for key in request.params),
        inputs={named[key]: described[key].name for key in request.inputs},
        outputs={named[key]: described[key].name for key in request.outputs if key in described},
        model=named[MODEL] if MODEL in request.outputs else "",
        output_dir=named[OUTPUT_DIR] if OUTPUT_DIR in request.outputs else "",
        metric=request.metric,
    )


def _parameter(name: str, key: DescribedKey, typed: str) -> AppParameter:
    kind = _KIND_OF_KEY.get(key.kind, key.kind)
    default = _default(key)
    return AppParameter(
        name=name,
        key=typed,
        kind=kind,
        sample=key.value if kind in (LIST, DICT) else None,
        skips_empty=kind == TEXT and default is None and not key.is_required,
        is_secret=_has_secret_key(typed, key.value),
    )


def _has_secret_key(key: str, value: Json) -> bool:
    """Whether a key, or one in its mapping, is that of a secret by its name. The app's own value may be a gap."""
    items = value.items() if isinstance(value, Mapping) else ()
    return is_secret_key(key) or any(_has_secret_key(f"{key}.{name}", item) for name, item in items)


def _default(key: DescribedKey) -> Json:
    """Return the value that the component's file can hold as a default; None when there is none.

    A text of a key without a type would be parsed as Hydra's syntax, and a pipeline replaces placeholders in texts.
    """
    if key.kind == "any" or "{{" in str(key.value):
        return None
    if key.kind == FLOAT and isinstance(key.value, str):
        return None  # not a finite number
    return None if _has_null(key.value) else key.value


def _has_null(value: Json) -> bool:
    """Whether a list or a mapping has a null, with which KFP cannot compile it as a default."""
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(item is None or _has_null(item) for item in items)


def _input_of(parameter: AppParameter, key: DescribedKey) -> inspect.Parameter:
    type_: Any = _TYPES[parameter.kind]
    default: Any = _default(key)
    if default is None and not key.is_required:
        default = "" if parameter.kind == TEXT else None
        type_ = type_ if parameter.kind == TEXT else Optional[type_]  # noqa: UP045 - kfp knows this form only
    elif default is not None and parameter.kind == FLOAT:
        default = float(default)
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=inspect.Parameter.empty if key.is_required else default,
        annotation=type_,
    )


def _build(
    request: AppRequest,
    component: AppComponent,
    named: Mapping[str, str],
    parameters: Sequence[inspect.Parameter],
    image: str,
) -> Any:
    from kfp import dsl

    # A container runtime replaces $(NAME) in a command by an environment variable, and a pipeline {{...}}.
    text = parameter_text(dump_app_component(component)).replace("$(", r"\u0024(")

    def step(*_inputs: object, **_named: object) -> Any:
        return dsl.ContainerSpec(
            image=image,
            command=["python", "-m", "hydra_vertex.trial", "--component", text],
            args=["--executor_input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
        )

    artifacts = [(named[key], dsl.Input[getattr(dsl, type_)]) for key, type_ in request.inputs.items()]
    outputs = [(named[key], dsl.Output[getattr(dsl, type_)]) for key, type_ in request.outputs.items()]
    others = [(METRICS, dsl.Output[dsl.Metrics]), (METRIC_VALUE, dsl.OutputPath(float))]
    required = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation)
        for name, annotation in (*artifacts, *outputs, *others)
    ]
    ordered = sorted((*required, *parameters), key=lambda parameter: parameter.default is not parameter.empty)
    step.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined] # kfp reads it
    step.__name__ = component_name(request)
    step.__doc__ = _documentation(request, component, named)
    return dsl.container_component(step)


def _documentation(request: AppRequest, component: AppComponent, named: Mapping[str, str]) -> str:
    inputs = [f"{parameter.name}: The key {parameter.key}." for parameter in component.parameters]
    inputs += [f"{named[key]}: Its local path is the value of the key {key}." for key in request.inputs]
    places = {MODEL: "What the app wrote to AIP_MODEL_DIR, else the model in Hydra's output folder."}
    places[OUTPUT_DIR] = "Hydra's output folder."
    outputs = [f"{named[key]}: {places.get(key, f'What the app wrote to the key {key}.')}" for key in request.outputs]
    outputs += [f"{METRICS}: Each metric that the app returned.", f"{METRIC_VALUE}: The first of them."]
    command = " ".join(shlex.join(request.app).split())
    parts = [f"Run {command}.", "Args:", *_indented(inputs), "", "Returns:", *_indented(outputs)]
    return "\n".join([parts[0], "", *parts[1:]])


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
