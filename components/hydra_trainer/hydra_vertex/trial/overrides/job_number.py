"""Sets `hydra.job.num` and `hydra.job.id` in a trial, as Hydra's launchers set them in the jobs of a sweep.

Apps name their files after them (`run_${hydra:job.num}`); without them the files of all trials have the same name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hydra_vertex.protocol.environment import TRIAL_ID
from hydra_vertex.trial.config.quoting import quote

from .arguments import Argument, Parameter, override_texts
from .presence import is_set, is_single_run

_NUMBER = "hydra.job.num"
_ID = "hydra.job.id"


def job_overrides(environ: Mapping[str, str], arguments: Sequence[Argument]) -> tuple[str, ...]:
    """Return the overrides for the trial's number, counted from 0 as in a sweep, and its id.

    Empty outside a trial, when Hydra does not run the app once, and for a key that the user sets.
    """
    trial = environ.get(TRIAL_ID, "")
    if not trial or not is_single_run(arguments):
        return ()
    values = {_ID: quote(trial)}
    if trial.isascii() and trial.isdecimal() and int(trial) > 0:
        values[_NUMBER] = str(int(trial) - 1)
    given = (*override_texts(arguments), *(a.key for a in arguments if isinstance(a, Parameter)))
    return tuple(f"{key}={value}" for key, value in values.items() if not is_set(key, given))
