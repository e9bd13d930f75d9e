"""What is checked before anything is launched: rights and what the cluster says; and a cluster that fails."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.contract import Launch, UnavailableError
from hydra_vertex.service.trials.engines.kubernetes import make_engine
from hydra_vertex.service.trials.engines.kubernetes.rights import RIGHTS, Right, missing_right
from service.trials.engines.kubernetes.kube_cluster import PROCESS_NODES, SERVICE_ID, Namespace, exit_of, until

MakeLaunch = Callable[..., Launch]
ROLE: dict[str, Any] = yaml.safe_load((ROOT / "docs/kubernetes-role.yaml").read_text())


def test_the_role_for_users_has_the_rights_that_the_engine_uses_and_no_more() -> None:
    found = {
        Right(group, resource, verb)
        for rule in ROLE["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert found == set(RIGHTS)
    assert len(RIGHTS) == len(found)


@pytest.mark.parametrize(
    ("message", "right"),
    [
        (
            'jobs.batch is forbidden: User "u" cannot create resource "jobs" in API group "batch" in the namespace "n"',
            Right("batch", "jobs", "create"),
        ),
        (
            'pods "p" is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "n"',
            Right("", "pods/log", "get"),
        ),
        ('jobs "j" is forbidden: exceeded quota: q, requested: count/jobs.batch=1', None),
    ],
)
def test_a_missing_right_is_read_from_the_answer(message: str, right: Right | None) -> None:
    assert missing_right(message) == right


class Account:
    """A service account with the Role, and a kubeconfig with its token."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        from kubernetes import client

        self._rbac, self._namespace = client.RbacAuthorizationV1Api(namespace.api.api_client), namespace.name
        self.name = f"account-{secrets.token_hex(4)}"
        api = namespace.api
        api.create_namespaced_service_account(self._namespace, {"metadata": {"name": self.name}})
        self.apply([])
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": self._namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": self.name}
        binding = {"metadata": {"name": self.name}, "subjects": [subject], "roleRef": reference}
        self._rbac.create_namespaced_role_binding(self._namespace, binding)
        self.kubeconfig = folder / "kubeconfig"
        token = api.create_namespaced_service_account_token(self.name, self._namespace, {"spec": {"audiences": None}})
        options = api.api_client.configuration
        write_kubeconfig(self.kubeconfig, options.host, options.ssl_ca_cert, token.status.token)

    def apply(self, rules: list[dict[str, Any]]) -> None:
        role = {**ROLE, "metadata": {"name": self.name}, "rules": rules}
        with suppress(Exception):
            self._rbac.delete_namespaced_role(self.name, self._namespace)
        self._rbac.create_namespaced_role(self._namespace, role)

    def settings(self) -> dict[str, Any]:
        template = {"spec": {"affinity": PROCESS_NODES}}
        return {"namespace": self._namespace, "kubeconfig": str(self.kubeconfig), "podTemplate": template}


def write_kubeconfig(path: Path, server: str, authority: str, token: str) -> None:
    cluster = {"name": "c", "cluster": {"server": server, "certificate-authority": authority}}
    context = {"name": "c", "context": {"cluster": "c", "user": "c"}}
    user = {"name": "c", "user": {"token": token}}
    document = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "c"}
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}))


@pytest.fixture
def account(namespace: Namespace, tmp_path: Path) -> Account:
    return Account(namespace, tmp_path)


@pytest.mark.usefixtures("process_nodes")
def test_the_role_for_users_is_enough_for_a_trial_of_several_workers(
    account: Account, namespace: Namespace, make_launch: MakeLaunch
) -> None:
    account.apply(ROLE["rules"])
    engine = until(lambda: ready(account))
    launch = make_launch("sh", "-c", "echo done; sleep 1", workers=2)
    engine.launch(launch)
    assert exit_of(engine, launch).is_success
    engine.fetch(launch)
    engine.end(launch)
    engine.remove(launch)
    assert engine.known_ids() == frozenset()


def ready(account: Account) -> Any:
    """Return the engine; None while the API server does not know the new Role yet."""
    try:
        return make_engine(account.settings(), SERVICE_ID)
    except UserError:
        return None


@pytest.mark.parametrize("right", RIGHTS, ids=str)
def test_each_right_that_is_missing_is_named_before_anything_starts(account: Account, right: Right) -> None:
    rules = [
        {"apiGroups": [other.group], "resources": [other.resource], "verbs": [other.verb]}
        for other in RIGHTS
        if other != right
    ]
    account.apply(rules)

    def message() -> str:
        with pytest.raises(UserError) as error:
            make_engine(account.settings(), SERVICE_ID)
        return str(error.value) if f"may not {right} in the namespace" in str(error.value) else ""

    assert "docs/kubernetes-role.yaml" in until(message)


def test_credentials_that_are_not_accepted_are_named(account: Account) -> None:
    text = account.kubeconfig.read_text()
    account.kubeconfig.write_text(text.replace("token: ", "token: x"))
    with pytest.raises(UserError, match="does not accept the credentials"):
        make_engine(account.settings(), SERVICE_ID)


def test_a_namespace_that_does_not_exist_is_named(api: object) -> None:
    with pytest.raises(UserError, match='namespaces "no-such-namespace" not found'):
        make_engine({"namespace": "no-such-namespace"}, SERVICE_ID)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {
                "podTemplate": {
                    "spec": {"containers": [{"name": "trial", "volumeMounts": [{"name": "no", "mountPath": "/x"}]}]}
                }
            },
            "volumeMounts",
        ),
        ({"podTemplate": {"spec": {"dnsPolicy": "Sometimes"}}}, "dnsPolicy"),
        ({"owner": {"kind": "Pod", "name": "nobody"}}, "has no Pod 'nobody'"),
    ],
)
def test_what_the_cluster_would_refuse_is_named_before_anything_starts(
    namespace: Namespace, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        namespace.engine(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kubeconfig": "/no/such/file"}, "/no/such/file"),
        ({"context": "other"}, "other"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named(api: object, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        make_engine(settings, SERVICE_ID)


class Relay:
    """A port in front of the API server that can refuse connections and break those that exist."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.is_down = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_down:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def fail(self) -> None:
        self.is_down = True
        for connection in self._open:
            with suppress(OSError):  # the other side has closed it
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def close(self) -> None:
        self.fail()
        self._listener.close()


@pytest.fixture
def relay(api: Any) -> Iterator[Relay]:
    relay = Relay(int(api.api_client.configuration.host.rpartition(":")[2]))
    yield relay
    relay.close()


@pytest.mark.usefixtures("process_nodes")
def test_an_api_server_that_is_away_for_a_while_loses_no_launch(
    namespace: Namespace, account: Account, relay: Relay, make_launch: MakeLaunch
) -> None:
    account.apply(ROLE["rules"])
    options = namespace.api.api_client.configuration
    text = account.kubeconfig.read_text().replace(options.host, f"https://127.0.0.1:{relay.port}")
    account.kubeconfig.write_text(text)
    engine = until(lambda: ready(account))
    launch = make_launch("sh", "-c", "echo one; sleep 2; echo two")
    engine.launch(launch)
    relay.fail()
    for verb in (engine.launch, engine.observe, engine.fetch, engine.end, engine.remove):
        with pytest.raises(UnavailableError, match="does not answer"):
            verb(launch)
    relay.is_down = False
    engine.launch(launch)
    assert exit_of(engine, launch).is_success
    engine.fetch(launch)
    assert launch.folder.log.read_text() == "one\ntwo\n"
    engine.remove(launch)


def test_a_cluster_that_does_not_answer_is_named_before_anything_starts(account: Account) -> None:
    account.kubeconfig.write_text(account.kubeconfig.read_text().replace("server: ", "server: https://127.0.0.1:9#"))
    with pytest.raises(UserError, match="does not answer"):
        make_engine(account.settings(), SERVICE_ID)
