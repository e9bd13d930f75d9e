"""Checks with Google's generated client (`aiplatform_v1.JobServiceClient`), over REST and over gRPC."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from hydra_vertex.protocol.json import JsonObject

from .endpoint import Endpoint, custom_job, python, tuning_job
from .expectation import Skipped, expect, expect_equal, refused, wait_for

if TYPE_CHECKING:
    import grpc  # type: ignore[import-untyped]  # its types are a separate package
    from google.cloud import aiplatform_v1
    from google.cloud.aiplatform_v1 import JobServiceClient

Check: TypeAlias = "Callable[[JobServiceClient, Endpoint], None]"

SLEEP = python("import time; time.sleep(600)")


def connect(endpoint: Endpoint, transport: str) -> JobServiceClient:
    """Create the client with its public options only. Raises Skipped when the service has no such transport."""
    from google.cloud import aiplatform_v1

    if transport == "rest":
        return aiplatform_v1.JobServiceClient(
            client_options={"api_endpoint": endpoint.rest}, transport="rest", credentials=credentials(endpoint)
        )
    if not endpoint.grpc:
        raise Skipped("the service has no gRPC; start it with --grpc-port")
    from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceGrpcTransport

    return aiplatform_v1.JobServiceClient(transport=JobServiceGrpcTransport(channel=channel(endpoint)))


def credentials(endpoint: Endpoint) -> object:
    """Return the service's token as credentials of Google's libraries; anonymous credentials without a token."""
    from google.auth.credentials import AnonymousCredentials
    from google.oauth2.credentials import Credentials

    if not endpoint.token:
        return AnonymousCredentials()
    return Credentials(endpoint.token)  # type: ignore[no-untyped-call]  # google-auth leaves its __init__ untyped


def channel(endpoint: Endpoint) -> grpc.Channel:
    """Return a channel to the service, which sends the token if there is one."""
    import grpc

    channel = grpc.insecure_channel(endpoint.grpc)
    if not endpoint.token:
        return channel

    return grpc.intercept_channel(channel, _bearer(endpoint.token))


def _bearer(token: str) -> object:
    import grpc

    class Bearer(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc is untyped
        """Sends the token, as call credentials do on a secure channel."""

        def intercept_unary_unary(self, proceed, details, request):  # type: ignore[no-untyped-def]  # grpc's signature
            """Add the header."""
            metadata = [*(details.metadata or ()), ("authorization", f"Bearer {token}")]
            return proceed(details._replace(metadata=metadata), request)

    return Bearer()


def check_a_study_runs_from_pending_to_succeeded(client: JobServiceClient, endpoint: Endpoint) -> None:
    """Create and get; the states and their order; the trials with all their fields."""
    from google.cloud.aiplatform_v1 import JobState

    created = client.create_hyperparameter_tuning_job(
        parent=endpoint.parent, hyperparameter_tuning_job=message("HyperparameterTuningJob", tuning_job(_name()))
    )
    expect(created.name.startswith(f"{endpoint.parent}/hyperparameterTuningJobs/"), f"the name is {created.name!r}")
    expect_equal(created.state, JobState.JOB_STATE_PENDING, "the state of a created job")
    expect_equal(len(created.trials), 0, "the number of trials of a created job")
    job = _ended(lambda: client.get_hyperparameter_tuning_job(name=created.name), endpoint)
    expect_equal(job.state, JobState.JOB_STATE_SUCCEEDED, "the state of the ended job")
    times = [job.create_time, job.start_time, job.end_time, job.update_time]
    expect(times == sorted(times), f"create, start, end and update times are not in order: {times}")
    expect_equal([trial.id for trial in job.trials], ["1", "2"], "the ids of the trials")
    for trial in job.trials:
        _expect_trial(client, job.name, trial)
    client.delete_hyperparameter_tuning_job(name=job.name).result()


def _expect_trial(client: JobServiceClient, job: str, trial: aiplatform_v1.Trial) -> None:
    from google.cloud.aiplatform_v1 import JobState, Trial

    expect_equal(trial.state, Trial.State.SUCCEEDED, f"the state of trial {trial.id}")
    expect_equal(trial.name, f"{job}/trials/{trial.id}", "the trial's name")
    expect_equal([parameter.parameter_id for parameter in trial.parameters], ["x"], "the trial's parameters")
    x = trial.parameters[0].value
    expect(trial.start_time <= trial.end_time, "the trial ends before it starts")
    expect_equal([m.step_count for m in trial.measurements], [1, 2], "the steps of the measurements")
    final = {metric.metric_id: metric.value for metric in trial.final_measurement.metrics}
    expect_equal(final, {"loss": x / 2, "accuracy": 1.0 - x / 2}, "the final measurement")
    expect_equal(dict(trial.web_access_uris), {}, "the web access URIs")
    custom = client.get_custom_job(name=trial.custom_job)
    expect_equal(custom.state, JobState.JOB_STATE_SUCCEEDED, "the state of the trial's custom job")
    arguments = list(custom.job_spec.worker_pool_specs[0].container_spec.args)
    expect_equal(arguments, [f"--x={x}"], "the arguments of the trial's custom job")


def check_a_failed_trial_is_infeasible_and_says_why(client: JobServiceClient, endpoint: Endpoint) -> None:
    """A failed trial is INFEASIBLE and not FAILED, and a job without a successful trial fails."""
    from google.cloud.aiplatform_v1 import JobState, Trial

    document = tuning_job(_name(), trials=1, command=python("import sys; sys.exit(3)"))
    created = client.create_hyperparameter_tuning_job(
        parent=endpoint.parent, hyperparameter_tuning_job=message("HyperparameterTuningJob", document)
    )
    job = _ended(lambda: client.get_hyperparameter_tuning_job(name=created.name), endpoint)
    expect_equal(job.state, JobState.JOB_STATE_FAILED, "the state of a job whose every trial failed")
    expect(job.error.code != 0 and bool(job.error.message), "a failed job has no error")
    expect_equal(job.trials[0].state, Trial.State.INFEASIBLE, "the state of a trial that failed")
    expect("3" in job.trials[0].infeasible_reason, f"the reason is {job.trials[0].infeasible_reason!r}")
    custom = client.get_custom_job(name=job.trials[0].custom_job)
    expect_equal(custom.state, JobState.JOB_STATE_FAILED, "the state of its custom job")
    expect(custom.error.code != 0 and bool(custom.error.message), "the custom job of a failed trial has no error")
    client.delete_hyperparameter_tuning_job(name=job.name).result()


def check_a_study_ends_at_its_limit(client: JobServiceClient, endpoint: Endpoint) -> None:
    """A study stopping config ends a study as SUCCEEDED, and the job can then be read and listed."""
    from google.cloud.aiplatform_v1 import JobState

    document = tuning_job(_name(), trials=4, limits={"maxNumTrials": 1})
    request = message("HyperparameterTuningJob", document)
    created = client.create_hyperparameter_tuning_job(parent=endpoint.parent, hyperparameter_tuning_job=request)
    job = _ended(lambda: client.get_hyperparameter_tuning_job(name=created.name), endpoint)
    expect_equal(job.state, JobState.JOB_STATE_SUCCEEDED, "the state of a job whose study reached its limit")
    expect(len(job.trials) < 4, f"there are {len(job.trials)} trials, more than the limit of 1 allows")
    listed = client.list_hyperparameter_tuning_jobs(parent=endpoint.parent)
    expect(job.name in [each.name for each in listed], "the job is not listed")
    client.delete_hyperparameter_tuning_job(name=job.name).result()


def check_a_running_study_is_cancelled_and_then_deleted(client: JobServiceClient, endpoint: Endpoint) -> None:
    """Cancel and delete, and the states in which they are refused."""
    from google.api_core import exceptions
    from google.cloud.aiplatform_v1 import JobState

    created = client.create_hyperparameter_tuning_job(
        parent=endpoint.parent,
        hyperparameter_tuning_job=message("HyperparameterTuningJob", tuning_job(_name(), command=SLEEP)),
    )
    with refused(exceptions.GoogleAPICallError, "cancel it"):
        client.delete_hyperparameter_tuning_job(name=created.name)
    client.cancel_hyperparameter_tuning_job(name=created.name)
    job = _ended(lambda: client.get_hyperparameter_tuning_job(name=created.name), endpoint)
    expect_equal(job.state, JobState.JOB_STATE_CANCELLED, "the state of a cancelled job")
    operation = client.delete_hyperparameter_tuning_job(name=job.name)
    operation.result()
    expect(client.get_operation({"name": operation.operation.name}).done, "the deletion cannot be read again")
    with refused(exceptions.NotFound, "is not found"):
        client.get_hyperparameter_tuning_job(name=job.name)


def check_custom_jobs_end_in_the_state_of_their_program(client: JobServiceClient, endpoint: Endpoint) -> None:
    """The states SUCCEEDED, FAILED with an error, and CANCELLED."""
    from google.cloud.aiplatform_v1 import JobState

    commands = {
        JobState.JOB_STATE_SUCCEEDED: python("import os; assert os.path.isdir(os.environ['AIP_MODEL_DIR'])"),
        JobState.JOB_STATE_FAILED: python("import sys; sys.exit(7)"),
        JobState.JOB_STATE_CANCELLED: SLEEP,
    }
    for state, command in commands.items():
        request = message("CustomJob", custom_job(_name(), *command))
        created = client.create_custom_job(parent=endpoint.parent, custom_job=request)
        expect_equal(created.state, JobState.JOB_STATE_PENDING, "the state of a created custom job")
        if state == JobState.JOB_STATE_CANCELLED:
            client.cancel_custom_job(name=created.name)
        job = _ended(lambda name=created.name: client.get_custom_job(name=name), endpoint)  # type: ignore[misc]  # mypy takes no defaults
        expect_equal(job.state, state, f"the state of {command[-1]!r}")
        expect_equal(bool(job.error.message), state != JobState.JOB_STATE_SUCCEEDED, "whether there is an error")
        client.delete_custom_job(name=job.name).result()


def check_a_list_is_filtered_paged_and_masked(client: JobServiceClient, endpoint: Endpoint) -> None:
    """Filters, pages and the read mask of a list."""
    start = _name()
    names = [f"{start}-{number}" for number in range(3)]
    for name in names:
        request = message("CustomJob", custom_job(name, *python("")))
        job = client.create_custom_job(parent=endpoint.parent, custom_job=request)
    found = {
        f'display_name="{names[0]}"': names[:1],
        f'display_name="{names[0]}" OR display_name="{names[1]}"': names[1::-1],
        f'display_name:"{start}*" AND NOT display_name="{names[1]}" AND display_name!="{names[0]}"': [names[2]],
        f'labels.contract=held AND labels.contract:* AND display_name="{names[2]}"': [names[2]],
        f'create_time>="{job.create_time.rfc3339()}" AND display_name="{names[2]}"': [names[2]],
        f'create_time<"2000-01-01T00:00:00Z" AND display_name="{names[2]}"': [],
    }
    for text, wanted in found.items():
        listed = client.list_custom_jobs(request={"parent": endpoint.parent, "filter": text})
        expect_equal([each.display_name for each in listed], wanted, f"the jobs that the filter {text} selects")
    request = {"parent": endpoint.parent, "page_size": 1, "read_mask": {"paths": ["name", "display_name"]}}
    pages = client.list_custom_jobs(request=request)
    first = next(iter(pages.pages))
    expect_equal(len(first.custom_jobs), 1, "the size of a page of 1")
    expect(bool(first.next_page_token), "a page that is not the last has no token")
    expect(not first.custom_jobs[0].job_spec.worker_pool_specs, "the read mask does not remove the job spec")


def check_a_wrong_field_is_refused_by_its_path(client: JobServiceClient, endpoint: Endpoint) -> None:
    """Google's error class, with the path of the field in the message."""
    from google.api_core import exceptions

    wrong: Mapping[str, JsonObject] = {
        "displayName": {**tuning_job(""), "displayName": ""},
        "maxTrialCount": {**tuning_job("x"), "maxTrialCount": 0, "parallelTrialCount": 0},
        "studySpec.parameters": {**tuning_job("x"), "studySpec": {"metrics": [{"metricId": "loss"}]}},
        "labels": {**tuning_job("x"), "labels": {"Upper": "case"}},
        "trialJobSpec.workerPoolSpecs": {**tuning_job("x"), "trialJobSpec": {}},
    }
    for field, document in wrong.items():
        with refused(exceptions.BadRequest, field):
            client.create_hyperparameter_tuning_job(
                parent=endpoint.parent, hyperparameter_tuning_job=message("HyperparameterTuningJob", document)
            )
    with refused(exceptions.BadRequest, "filter"):
        client.list_custom_jobs(request={"parent": endpoint.parent, "filter": "size>3"})
    with refused(exceptions.NotFound, "is not found"):
        client.get_custom_job(name=f"{endpoint.parent}/customJobs/999999999")


CHECKS: tuple[Check, ...] = (
    check_a_study_runs_from_pending_to_succeeded,
    check_a_failed_trial_is_infeasible_and_says_why,
    check_a_study_ends_at_its_limit,
    check_a_running_study_is_cancelled_and_then_deleted,
    check_custom_jobs_end_in_the_state_of_their_program,
    check_a_list_is_filtered_paged_and_masked,
    check_a_wrong_field_is_refused_by_its_path,
)


def message(name: str, document: JsonObject) -> object:
    """Return the message of a document, such as that of a `CustomJob`."""
    from google.cloud import aiplatform_v1
    from google.protobuf.json_format import ParseDict

    parsed = getattr(aiplatform_v1, name)()
    ParseDict(dict(document), type(parsed).pb(parsed))
    return parsed


def _ended(get: Callable[[], aiplatform_v1.CustomJob], endpoint: Endpoint) -> aiplatform_v1.CustomJob:
    """Wait for the end of a job and return it. Raises Broken when its states are out of order."""
    from google.cloud.aiplatform_v1 import JobState

    ends = {JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED}
    order = [JobState.JOB_STATE_PENDING, JobState.JOB_STATE_RUNNING, JobState.JOB_STATE_CANCELLING]
    seen = [0]

    def ended_job() -> aiplatform_v1.CustomJob | None:
        job = get()
        if job.state in ends:
            return job
        expect(job.state in order[seen[0] :], f"the state goes back to {JobState(job.state).name}")
        seen[0] = order.index(job.state)
        return None

    return wait_for(ended_job, "the job's end", endpoint.timeout_s)


def _name() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"
