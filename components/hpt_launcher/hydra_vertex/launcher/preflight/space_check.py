"""Tries points of a search space with the app's config and collects what is refused.

Bounded: at most MOST_POINTS points, and no further option of a config group once Hydra has composed the config
MOST_COMPOSITIONS times.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Sequence

from hydra_vertex.job import Categorical, ParameterSpec, StudySpec, walk_parameters
from hydra_vertex.protocol.command import parameter_argument
from hydra_vertex.protocol.dialogue import Accepted, Detail, Inspection, Problem, Question, Refused

from .asked import Asked
from .findings import CheckResult, Finding
from .interpreter import other_interpreter
from .points import (
    RANDOM_POINTS,
    Point,
    Probe,
    Value,
    arguments_of,
    base_value,
    point_of,
    probe_values,
    random_probes,
    single_probes,
)
from .seed_key import own_seed_findings, seed_argument, seed_findings
from .single_run import not_single_run
from .type_notes import type_notes
from .warm_start import argument_for, warm_start_findings

MOST_POINTS = 3000
MOST_COMPOSITIONS = 250
_MOST_NOTICES = 20


class SpaceCheck:
    """One check. The base point, at which the other parameters are while one is varied, has only accepted values."""

    def __init__(self, app: Asked, spec: StudySpec) -> None:
        self._app = app
        self._parameters = spec.parameters
        self._metric = spec.metric_text
        self._specs = {parameter.id: parameter for parameter in walk_parameters(spec.parameters)}
        self._base: dict[str, Value] = {}
        self._without: set[str] = set()
        self._composing: set[str] = set()
        self._compositions = 0
        self._tried = 0
        self._not_tried: dict[str, int] = {}
        self._types: dict[str, dict[str, None]] = {}
        self._findings: dict[tuple[str, str], Finding] = {}
        self._notices: dict[str, str] = {}

    def run(self) -> None:
        """Find an accepted base point, then try each value, each branch, and random points."""
        if not self._settle():
            return
        for probe in single_probes(self._parameters, self._value_of, self._without):
            self._try(probe, MOST_COMPOSITIONS)
        for probe in random_probes(self._parameters, self._without):
            self._try(probe, MOST_COMPOSITIONS + RANDOM_POINTS)

    def retraining(self, overrides: Sequence[str]) -> None:
        """Check the overrides that follow the parameters of the best trial in the retraining."""
        if not overrides:
            return
        answer = self._ask((*arguments_of(self._base_point()), *overrides), Detail.INSPECT)
        option = f"--retrain {shlex.join(overrides)}"
        match answer:
            case Refused(problems=problems):
                self._add(*(Finding(f"{option}: {problem.message}", "--retrain") for problem in problems[:1]))
            case Accepted(arguments=arguments):
                for text in not_single_run(arguments[-len(overrides) :]):
                    self._add(Finding(f"{option}: {text}", "--retrain"))

    def warm_start(self, key: str, overrides: Sequence[str]) -> None:
        """Check that the retraining can set the key to the path of a checkpoint."""
        if key:
            answer = self._ask((*arguments_of(self._base_point()), *overrides, argument_for(key)), Detail.INSPECT)
            self._add(*warm_start_findings(key, answer))

    def seeds(self, key: str, seeds: range) -> None:
        """Check that repeats of a configuration can set the key to these seeds, with which the study does not run."""
        if not key:
            return
        point = arguments_of(self._base_point())
        self._add(*seed_findings(key, seeds, self._ask((*point, seed_argument(key, seeds[0])), Detail.INSPECT)))
        own = self._ask(point, Detail.COMPOSE)
        if isinstance(own, Accepted) and own.composition is not None:
            self._add(*own_seed_findings(key, seeds, own.composition))

    def result(self) -> CheckResult:
        """Return everything that was found so far."""
        notices = list(self._notices.values())
        if len(notices) > _MOST_NOTICES:
            notices[_MOST_NOTICES:] = [f"{len(notices) - _MOST_NOTICES} more keys like these"]
        return CheckResult(
            findings=tuple(self._findings.values()),
            notices=(*notices, *self._sampling_notices()),
            types={id_: " | ".join(types) for id_, types in self._types.items()},
            tried=self._tried,
            not_tried=sum(self._not_tried.values()),
            base=arguments_of(self._base_point()),
        )

    def _settle(self) -> bool:
        """Exchange refused values of the base point until the app accepts it. Return whether there is such a point."""
        values = {id_: iter(probe_values(spec)) for id_, spec in self._specs.items()}
        while self._tried < MOST_POINTS:
            probe = Probe(self._base_point(), (), True)
            answer = self._ask_probe(probe)
            if isinstance(answer, Accepted):
                self._learn(answer, probe)
                self._compare_metric(answer.inspection)
                self._name_interpreter(answer.inspection)
                self._compare_types(answer)
                self._add(*(Finding(text) for text in not_single_run(answer.arguments)))
                return True
            blamed = self._blame(answer.problems, probe)
            if not blamed:
                return False
            for id_, is_new in blamed.items():
                self._exchange(id_, itertools.islice(values[id_], 1) if is_new else ())
        return False

    def _exchange(self, id_: str, others: Iterable[Value]) -> None:
        """Use the next other value of a refused parameter, or leave the parameter out when there is none."""
        refused = self._value_of(self._specs[id_])
        for value in others:
            if value != refused:
                self._base[id_] = value
                return
        self._without.add(id_)

    def _try(self, probe: Probe, most_compositions: int) -> None:
        varied = self._composing & (set(probe.varied) or set(probe.point))
        if self._tried >= MOST_POINTS or (varied and self._compositions >= most_compositions):
            name = probe.varied[-1] if probe.varied else ""
            self._not_tried[name] = self._not_tried.get(name, 0) + 1
            return
        before = self._compositions
        answer = self._ask_probe(probe)
        if self._compositions > before:
            self._composing.update(probe.varied)
        match answer:
            case Accepted():
                self._learn(answer, probe)
            case Refused(problems=problems):
                self._blame(problems, probe)

    def _ask_probe(self, probe: Probe) -> Accepted | Refused:
        self._tried += 1
        return self._ask(arguments_of(probe.point), Detail.INSPECT if probe.is_structural else Detail.ACCEPT)

    def _ask(self, parameters: Sequence[str], detail: Detail) -> Accepted | Refused:
        answer = self._app.ask(Question(tuple(parameters), detail=detail))
        self._compositions = answer.compositions
        return answer

    def _blame(self, problems: Sequence[Problem], probe: Probe) -> dict[str, bool]:
        """Record the problems. Return the parameters that cause them, and whether their problem was not known yet."""
        ids = {parameter_argument(id_, value): id_ for id_, value in probe.point.items()}
        blamed: dict[str, bool] = {}
        for problem in problems:
            id_ = ids.get(problem.argument, probe.varied[-1] if probe.varied else "")
            finding = self._finding(problem.message, id_, probe)
            is_new = self._add(finding)
            if id_:
                blamed[id_] = is_new
        return blamed

    def _finding(self, message: str, id_: str, probe: Probe) -> Finding:
        value = str(probe.point.get(id_, ""))
        others = [other for other in probe.varied or self._choices_in(probe.point) if other != id_]
        is_base = not probe.varied and all(probe.point[other] == self._base_value(other) for other in others)
        context = () if is_base else tuple(parameter_argument(other, probe.point[other]) for other in others)
        return Finding(message, id_, value, context)

    def _choices_in(self, point: Point) -> list[str]:
        return [id_ for id_ in point if isinstance(self._specs[id_].domain, Categorical)]

    def _add(self, *findings: Finding) -> bool:
        """Record findings, unless one differs from a known one only in the value. Return whether one is new."""
        is_new = False
        for finding in findings:
            key = (finding.parameter, _without_value(finding))
            is_new = is_new or key not in self._findings
            self._findings.setdefault(key, finding)
        return is_new

    def _learn(self, answer: Accepted, probe: Probe) -> None:
        ids = {parameter_argument(id_, value): id_ for id_, value in probe.point.items()}
        for argument in answer.arguments:
            if argument.type and argument.argument in ids:
                self._types.setdefault(ids[argument.argument], {})[argument.type] = None
        if answer.inspection is None:
            return
        context = " ".join(parameter_argument(id_, probe.point[id_]) for id_ in probe.varied)
        where = f"with {context}: " if context else ""
        for key in answer.inspection.missing:
            text = f"{where}{key} is mandatory (???) and has no value: the app fails if it reads it"
            self._notices.setdefault(key, text)
        for item in answer.inspection.unresolved:
            text = f"{where}{item.key} cannot be resolved: {item.reason}; the app fails if it reads it"
            self._notices.setdefault(item.key, text)

    def _name_interpreter(self, inspection: Inspection | None) -> None:
        sentence = None if inspection is None else other_interpreter(inspection.interpreter)
        if sentence is not None:
            self._notices["interpreter"] = sentence

    def _compare_metric(self, inspection: Inspection | None) -> None:
        own = None if inspection is None else inspection.optimized_metric
        if own is not None and own != self._metric:
            self._notices["optimized_metric"] = (
                f"the study's metric is {self._metric}, and optimized_metric in the app's config is {own}: a trial "
                f"reports the value that the app returns as {self._metric}"
            )

    def _compare_types(self, answer: Accepted) -> None:
        """Compare with the config of the command alone, which may be invalid without the parameters."""
        own = self._ask((), Detail.COMPOSE)
        if isinstance(own, Accepted) and own.composition is not None:
            self._notices |= type_notes(answer.arguments, own.composition.config)

    def _sampling_notices(self) -> list[str]:
        return [
            f"{name or 'random points'}: {count} {'values' if name else 'points'} not tried, because the search space "
            f"is too large (limits: {MOST_POINTS} points, {MOST_COMPOSITIONS} compositions)"
            for name, count in self._not_tried.items()
        ]

    def _base_point(self) -> dict[str, Value]:
        return point_of(self._parameters, self._value_of, {}, self._without)

    def _value_of(self, parameter: ParameterSpec) -> Value:
        return self._base.get(parameter.id, base_value(parameter))

    def _base_value(self, id_: str) -> Value:
        return self._value_of(self._specs[id_])


def _without_value(finding: Finding) -> str:
    """Return the problem without the value as it is quoted in messages: `key=value` or `key='value'`."""
    return finding.problem.replace(f"={finding.value}", "=").replace(f"={finding.value!r}", "=")
