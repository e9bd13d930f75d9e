"""Composes the experiment file of a trial's config, and verifies it with the app as a user would use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.preflight.ask_app import App
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, Composition, Explanation
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json, JsonObject

from .experiment_file import Content, wrong_keys
from .own_arguments import StudyArguments, chosen_options, group_entry
from .withheld import Withheld, withhold, without_keys

EXPERIMENT_NAME = "best"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write the file. `retyped` are the overrides that the user types with it.

    `experiments` are the app's own experiment files that it refers to; otherwise it holds their values.
    """

    retyped: tuple[str, ...]
    experiments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """The content of an experiment file in one form, without the secrets in `withheld`."""

    form: Form
    content: Content
    withheld: tuple[Withheld, ...]


def forms(explanation: Explanation, study: StudyArguments, *, with_command: bool) -> Iterator[Form]:
    """Yield the ways to write the file, the wanted one first; the last one holds the whole command line."""
    if not with_command:
        experiments = chosen_options(explanation.composed.choices.get(EXPERIMENT_GROUP))
        if experiments and EXPERIMENT_NAME not in experiments:  # The file would refer to itself.
            yield Form(study.retyped, experiments)
        yield Form(study.retyped)
    yield Form(())


def candidate(app: App, explanation: Explanation, study: StudyArguments, form: Form, mask: Masker) -> Candidate:
    """Compose what the file is compared with. Raises UserError when the app does not accept the form."""
    defaults, base = _defaults(app, explanation, study, form)
    composed = explanation.composed.config
    public, withheld = withhold(composed, base.config, explanation.app_default.config, mask=mask)
    # A key that the base lacks is written to the file.
    public_base = without_keys(base.config, {item.key for item in withheld})
    references: list[Json] = [*form.experiments, "_self_"] if form.experiments else []
    content = Content(public, public_base, (*references, *defaults), study.keys)
    return Candidate(form, content, withheld)


def mismatch(app: App, explanation: Explanation, form: Form, text: str, wanted: JsonObject, folder: Path) -> list[str]:
    """Compose the file as a user would. Return the keys in which the result is not the wanted config."""
    write_atomic(folder / EXPERIMENT_GROUP / f"{EXPERIMENT_NAME}.yaml", text)
    has_group = EXPERIMENT_GROUP in explanation.app_default.choices
    arguments = (*explanation.flags, *experiment_arguments(str(folder), form.retyped, has_group=has_group))
    try:
        again = app.compose(arguments)
    except UserError as error:
        return [f"any key ({error})"]
    return list(wrong_keys(again.config, wanted))


def experiment_arguments(config_dir: str, retyped: Sequence[str], *, has_group: bool) -> list[str]:
    """Return the arguments that select the file in `config_dir`, after Hydra's other flags."""
    choice = f"{EXPERIMENT_GROUP}={EXPERIMENT_NAME}"
    return ["--config-dir", config_dir, *retyped, choice if has_group else f"+{choice}"]


def _defaults(
    app: App, explanation: Explanation, study: StudyArguments, form: Form
) -> tuple[tuple[Json, ...], Composition]:
    """Return the entries for config groups, and the config that the command and these entries give.

    First those that the study chose; a group that one of them brings into the config needs no entry.
    """
    wanted = explanation.composed.choices
    chosen = dict(study.groups)
    base = _base(app, explanation, form, {group: wanted.get(group) for group in chosen})
    left_out = {EXPERIMENT_GROUP, *explanation.study.groups}
    others = {
        group: group not in base.choices
        for group, option in wanted.items()
        if group not in left_out and (group not in base.choices or base.choices[group] != option)
    }
    if others:
        chosen |= others
        base = _base(app, explanation, form, {group: wanted.get(group) for group in chosen})
    return tuple(group_entry(group, wanted.get(group), adds=adds) for group, adds in chosen.items()), base


def _base(app: App, explanation: Explanation, form: Form, choices: Mapping[str, str | None]) -> Composition:
    default = explanation.app_default.choices.get(EXPERIMENT_GROUP)
    experiment = f"[{','.join(form.experiments)}]" if len(form.experiments) > 1 else "".join(form.experiments)
    parameters = [f"--{group}={'null' if option is None else option}" for group, option in choices.items()]
    if experiment or default is not None:
        parameters.insert(0, f"--{EXPERIMENT_GROUP}={experiment or 'null'}")
    return app.compose((*explanation.flags, *form.retyped), parameters)
