"""Answers a launcher's questions about the app's config, in the app's process, over a Unix socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra_vertex.protocol.dialogue import (
    Accepted,
    Answer,
    Detail,
    Failed,
    Problem,
    Question,
    Refused,
    dump_answer,
    parse_question,
)
from hydra_vertex.protocol.errors import ArgumentError, CommandError, HydraVertexError, UserError
from hydra_vertex.protocol.suggestions import quote_for_message
from hydra_vertex.trial.config.composition import AppConfig, plain
from hydra_vertex.trial.config.hydra_main import Launch, capture_config_loader
from hydra_vertex.trial.overrides.arguments import (
    CONFIG_FLAGS,
    Argument,
    Flag,
    flag_tokens,
    override_texts,
    parse_arguments,
)
from hydra_vertex.trial.overrides.composing import composed
from hydra_vertex.trial.overrides.delivery import Delivery, deliver
from hydra_vertex.trial.overrides.describe import describe_keys
from hydra_vertex.trial.overrides.explain import explain
from hydra_vertex.trial.overrides.inspection import inspect_config, mandatory_groups
from hydra_vertex.trial.overrides.problems import problems_of

_IDLE_LIMIT_S = 900.0
"""A launcher that asks nothing for so long is not there any more."""


class AppConfigs:
    """The app's config for any arguments of its command line. What the arguments share is read only once."""

    def __init__(self, launch: Launch, config_name: str | None) -> None:
        self._launch = launch
        self._config_name = config_name
        self._apps: dict[tuple[str, ...], AppConfig] = {}

    @property
    def compositions(self) -> int:
        """How often Hydra has composed a config so far."""
        return sum(app.compositions for app in self._apps.values())

    def of(self, arguments: Sequence[Argument]) -> AppConfig:
        """Return the config that the flags of these arguments select, and that their overrides change."""
        flags = [argument for argument in arguments if isinstance(argument, Flag) and argument.name in CONFIG_FLAGS]
        given = override_texts(arguments)
        key = (*flag_tokens(flags), "", *given)
        if key not in self._apps:
            named = [flag.value for flag in flags if flag.name == "--config-name"]
            loader = capture_config_loader(self._launch, flag_tokens(flags))
            self._apps[key] = AppConfig(loader, named[-1] if named else self._config_name, given)
        return self._apps[key]


class AppDialogue:
    """Answers questions. `program` and `arguments` are the app's command; `parse` parses parameters."""

    def __init__(
        self,
        configs: AppConfigs,
        program: Sequence[str],
        arguments: Sequence[Argument],
        parse: Callable[[Sequence[str]], tuple[Argument, ...]],
    ) -> None:
        self._configs = configs
        self._program = tuple(program)
        self._arguments = tuple(arguments)
        self._parse = parse

    def answer(self, question: Question) -> Answer:
        """Answer one question. An error is an answer too; an app's own resolver may raise any Exception."""
        try:
            return self._answered(question)
        except HydraVertexError as error:
            return Failed(str(error))
        except Exception as error:
            return Failed(f"its config cannot be composed: {type(error).__name__}: {error}")

    def _answered(self, question: Question) -> Accepted | Refused:
        try:
            arguments = self._all_arguments(question)
            app = self._configs.of(arguments)
        except UserError as error:
            return Refused(self._configs.compositions, (Problem("", str(error)),))
        try:
            return self._accepted(app, arguments, question)
        except ArgumentError as error:
            return Refused(self._configs.compositions, problems_of(app, arguments, error))

    def _all_arguments(self, question: Question) -> tuple[Argument, ...]:
        own = self._arguments if question.arguments is None else parse_arguments(question.arguments)
        return (*own, *self._parse(question.parameters))

    def _accepted(self, app: AppConfig, arguments: Sequence[Argument], question: Question) -> Accepted:
        delivery = deliver(app, arguments)
        match question.detail:
            case Detail.ACCEPT:
                composed(app, arguments, delivery)
                return Accepted(self._configs.compositions)
            case Detail.INSPECT:
                return self._inspected(app, arguments, delivery)
            case Detail.DESCRIBE:
                described = describe_keys(app, app.compose(delivery.overrides), question.keys)
                return Accepted(self._configs.compositions, keys=described)
            case Detail.COMPOSE:
                composition = plain(app.compose(delivery.overrides))
                return Accepted(self._configs.compositions, composition=composition)
            case Detail.EXPLAIN:
                explanation = explain(app, delivery, self._program)
                return Accepted(self._configs.compositions, delivery.arguments, explanation=explanation)

    def _inspected(self, app: AppConfig, arguments: Sequence[Argument], delivery: Delivery) -> Accepted:
        config = composed(app, arguments, delivery)
        for group in mandatory_groups(config):
            options = ", ".join(app.options(group.partition("@")[0])) or "none"
            raise ArgumentError(
                f"{group}: the app's config requires a choice of this config group, and there is none; add "
                f"{group}=OPTION to the command, with one of: {quote_for_message(options)}"
            )
        return Accepted(self._configs.compositions, delivery.arguments, inspect_config(config))


def answer_questions(path: Path, dialogue: AppDialogue) -> None:
    """Connect to the launcher and answer until it disconnects. Raises CommandError when there is no launcher."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_IDLE_LIMIT_S)
        try:
            connection.connect(str(path))
            with connection.makefile("rb") as lines:
                for line in lines:
                    connection.sendall(dump_answer(dialogue.answer(parse_question(line))))
        except OSError as error:
            raise CommandError(f"--socket {path}: the launcher cannot be reached: {error.strerror or error}") from error
