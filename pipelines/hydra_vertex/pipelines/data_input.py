"""Gives the pipeline an artifact as a further input: the data that every trial and the retraining train on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from hydra_vertex.protocol.data_input import DATA, DATA_FORM, DATA_KEY, PATH

_DESCRIPTIONS = (
    f"            {DATA}: The data of every trial and of the retraining.\n"
    f"            {DATA_KEY}: The app's key that gets it, such as data.path.\n"
    f'            {DATA_FORM}: "path": the key gets the local path in the container; "uri": its address.\n'
)


class DataInput:
    """The data of a pipeline that is being built. `type` is the artifact's type; empty for a pipeline without data."""

    def __init__(self, type_: str = "") -> None:
        self._type = type_
        self.arguments: dict[str, Any] = {}

    @property
    def is_given(self) -> bool:
        """Whether the pipeline has data."""
        return bool(self._type)

    def pipeline(self, name: str, function: Callable[..., Any]) -> Any:
        """Return the pipeline of a function, with the inputs of the data. `arguments` are those of its steps."""
        from kfp import dsl

        if not self._type:
            return dsl.pipeline(name=name)(function)
        own = inspect.signature(function)

        @functools.wraps(function)
        def with_data(*given: Any) -> Any:
            values = dict(zip(signature.parameters, given, strict=True))
            self.arguments = {name: values.pop(name) for name in (DATA, DATA_KEY, DATA_FORM)}
            return function(**values)

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        added = (
            inspect.Parameter(DATA, kind, annotation=dsl.Input[getattr(dsl, self._type)]),
            inspect.Parameter(DATA_KEY, kind, annotation=str),
        )
        form = inspect.Parameter(DATA_FORM, kind, annotation=str, default=PATH)
        signature = own.replace(parameters=[*added, *own.parameters.values(), form])
        with_data.__signature__ = signature  # type: ignore[attr-defined] # kfp reads it
        with_data.__doc__ = (function.__doc__ or "").replace("Args:\n", f"Args:\n{_DESCRIPTIONS}")
        return dsl.pipeline(name=name)(with_data)
