"""The keys of the engine's config file."""

from __future__ import annotations

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.trials.engines.kubernetes.settings import KEYS, Owner, parse_settings


def test_no_settings_are_the_defaults() -> None:
    settings = parse_settings({})
    assert settings.owner == Owner(is_automatic=True)
    assert settings.unschedulable_limit_s is None
    assert settings.ttl_s == 7 * 86400


def test_every_key_is_read() -> None:
    given: dict[str, Json] = {
        "namespace": "team-a",
        "context": "gke",
        "kubeconfig": "/k",
        "machines": {"NVIDIA_L4": {"limits": {"nvidia.com/gpu": 1}}},
        "podTemplate": {"spec": {"serviceAccountName": "trainer"}},
        "labels": {"kueue.x-k8s.io/queue-name": "trials"},
        "priorityClassName": "low",
        "owner": {"kind": "Job", "name": "service"},
        "outputs": {"/srv": "/mnt"},
        "unschedulableLimit": "10m",
        "nodeLossLimit": 30,
        "ttlSecondsAfterFinished": "1d",
    }
    assert set(given) == set(KEYS)
    settings = parse_settings(given)
    assert (settings.unschedulable_limit_s, settings.node_loss_limit_s, settings.ttl_s) == (600, 30, 86400)
    assert settings.owner == Owner(is_automatic=False, kind="Job", name="service")
    assert settings.machines["NVIDIA_L4"].limits == {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"namespaces": "a"}, "unknown key 'namespaces'; the keys are namespace, context"),
        ({"namespace": "Team"}, "namespace: expected a name of lowercase letters"),
        ({"namespace": 3}, "namespace: expected a text, got 3"),
        ({"labels": ["a"]}, "labels: expected a mapping"),
        ({"labels": {"a": 1}}, "labels.a: expected a text"),
        ({"labels": {"hydra-vertex/launch": "x"}}, "the engine sets what begins with hydra-vertex/"),
        ({"labels": {"a b": "x"}}, "labels.a b: expected a label"),
        ({"labels": {"a": "x y"}}, "labels.a: expected a label"),
        ({"owner": "me"}, "owner: expected auto, none"),
        ({"owner": {"kind": "Deployment", "name": "x"}}, "owner: expected auto, none"),
        ({"unschedulableLimit": "soon"}, "unschedulableLimit: expected seconds"),
        ({"unschedulableLimit": True}, "unschedulableLimit: expected seconds"),
        ({"nodeLossLimit": -1}, "nodeLossLimit: expected seconds"),
        ({"ttlSecondsAfterFinished": 5}, "of at least 600 s"),
        ({"machines": {"L4": 1}}, "machines.L4: expected a mapping"),
        ({"machines": {"L4": {"limit": {}}}}, "machines.L4: unknown key 'limit'; the keys are requests, limits"),
        ({"machines": {"L4": {"limits": {"cpu": "many"}}}}, "machines.L4.limits.cpu: expected a quantity"),
        ({"machines": {"L4": {"limits": {"nvidia.com/gpu": "0.5"}}}}, "nvidia.com/gpu: expected a whole number"),
        ({"machines": {"L4": {"nodeSelector": {"a": 1}}}}, "machines.L4.nodeSelector.a: expected a text"),
        ({"machines": {"L4": {"tolerations": {}}}}, "machines.L4.tolerations: expected a list"),
        ({"machines": {"L4": {"tolerations": [{"keys": "a"}]}}}, "machines.L4.tolerations[0]: expected a mapping"),
        ({"podTemplate": []}, "podTemplate: expected a mapping"),
        ({"podTemplate": {"volumes": []}}, "podTemplate: unknown key 'volumes'; a template has metadata and spec"),
        ({"podTemplate": {"metadata": {"name": "x"}}}, "podTemplate.metadata: unknown key 'name'"),
        ({"podTemplate": {"metadata": {"labels": {"hydra-vertex/launch": "x"}}}}, "begins with hydra-vertex/"),
        ({"podTemplate": {"metadata": {"annotations": {"a": 1}}}}, "annotations: expected a mapping of texts"),
        ({"podTemplate": {"spec": 1}}, "podTemplate.spec: expected a mapping"),
        ({"podTemplate": {"spec": {"containers": 1}}}, "containers: expected a list"),
        ({"podTemplate": {"spec": {"containers": [{"image": "x"}]}}}, "expected a list of objects with a name"),
        (
            {"podTemplate": {"spec": {"containers": [{"name": "s", "image": "a"}, {"name": "s", "image": "b"}]}}},
            "podTemplate.spec.containers: the name 's' stands there twice",
        ),
        (
            {"priorityClassName": "a", "podTemplate": {"spec": {"priorityClassName": "b"}}},
            "priorityClassName stands in podTemplate.spec too",
        ),
        *(
            ({"podTemplate": {"spec": {field: "x"}}}, f"podTemplate.spec.{field}: the engine sets it from the job")
            for field in (
                "restartPolicy",
                "activeDeadlineSeconds",
                "terminationGracePeriodSeconds",
                "hostname",
                "subdomain",
            )
        ),
        *(
            ({"podTemplate": {"spec": {"containers": [{"name": "trial", field: "x"}]}}}, f"containers[trial].{field}")
            for field in ("image", "command", "args", "terminationMessagePath", "terminationMessagePolicy")
        ),
        *(
            (
                {"podTemplate": {"spec": {"containers": [{"name": "trial", "env": [{"name": name, "value": "x"}]}]}}},
                f"{name} identifies the trial",
            )
            for name in ("CLOUD_ML_TRIAL_ID", "AIP_MODEL_DIR", "HYDRA_TRIAL_METRIC_STREAM")
        ),
        *(
            (
                {"podTemplate": {"spec": {"containers": [{"name": "trial", "env": [{"name": name, "value": "x"}]}]}}},
                f"podTemplate.spec.containers[trial].env: {name} tells several workers of each other",
            )
            for name in ("CLUSTER_SPEC", "TF_CONFIG", "MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE")
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_name(document: dict[str, Json], words: str) -> None:
    with pytest.raises(UserError) as error:
        parse_settings(document)
    assert words in str(error.value)
    assert str(error.value).startswith("engine kubernetes: ")
