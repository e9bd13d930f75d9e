"""Vertex AI's `HyperparameterTuningJob` and `CustomJob` as frozen dataclasses, read from and written to JSON.

`parse_job` reads a tuning job and `dump_job` writes it. The JSON is Google's (proto3 JSON mapping, camelCase), see
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs. Fields without
an attribute here are kept in `other` and written back unchanged.
"""

from .custom_job import CustomJob, dump_custom_job, parse_custom_job
from .document import HyperparameterTuningJob, JobError, dump_job, parse_job, save_job
from .enums import Algorithm, Goal, JobState, MeasurementSelection, ScaleType, TrialState
from .parameters import walk_parameters
from .pool_roles import app_pools, runs_app
from .stopping_spec import (
    AutomatedStopping,
    ConvexStopping,
    DecayCurveStopping,
    MedianStopping,
    StudyStopping,
    TimeConstraint,
)
from .study_spec import (
    Categorical,
    Condition,
    ConditionalParameter,
    Discrete,
    Domain,
    DoubleRange,
    IntegerRange,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    dump_study_spec,
    parse_study_spec,
)
from .trial import Measurement, ParameterValue, Trial, dump_trial, parse_trial
from .trial_job_spec import (
    ContainerSpec,
    TrialJobSpec,
    WorkerPoolSpec,
    dump_trial_job_spec,
    parse_trial_job_spec,
    parse_worker_pools,
)

__all__ = [
    "Algorithm",
    "AutomatedStopping",
    "Categorical",
    "Condition",
    "ConditionalParameter",
    "ContainerSpec",
    "ConvexStopping",
    "CustomJob",
    "DecayCurveStopping",
    "Discrete",
    "Domain",
    "DoubleRange",
    "Goal",
    "HyperparameterTuningJob",
    "IntegerRange",
    "JobError",
    "JobState",
    "Measurement",
    "MeasurementSelection",
    "MedianStopping",
    "MetricSpec",
    "ParameterSpec",
    "ParameterValue",
    "ScaleType",
    "StudySpec",
    "StudyStopping",
    "TimeConstraint",
    "Trial",
    "TrialJobSpec",
    "TrialState",
    "WorkerPoolSpec",
    "app_pools",
    "dump_custom_job",
    "dump_job",
    "dump_study_spec",
    "dump_trial",
    "dump_trial_job_spec",
    "parse_custom_job",
    "parse_job",
    "parse_study_spec",
    "parse_trial",
    "parse_trial_job_spec",
    "parse_worker_pools",
    "runs_app",
    "save_job",
    "walk_parameters",
]
