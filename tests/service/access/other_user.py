"""Sends one request as another user: `other_user.py UID rest|google-rest|google-grpc ADDRESS PARENT [TOKEN_FILE]`.

Started as root; what is imported and read before it becomes the other user is what that user has been given.
Prints a JSON array: the status, and the message.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - imported late by socket, when the other user may not be able to read it
import json
import os
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

Send = Callable[[], "tuple[object, str]"]


def plain(url: str, parent: str, token: str) -> Send:
    place = urlsplit(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send() -> tuple[object, str]:
        connection = HTTPConnection(str(place.hostname), place.port, timeout=20)
        connection.request("GET", f"/v1/{parent}/customJobs", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    return send


def google(address: str, parent: str, token: str, transport: str) -> Send:
    import grpc
    from google.api_core import exceptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform_v1
    from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceGrpcTransport
    from google.oauth2.credentials import Credentials

    if transport == "google-rest":
        client = aiplatform_v1.JobServiceClient(
            client_options={"api_endpoint": address},
            transport="rest",
            credentials=Credentials(token) if token else AnonymousCredentials(),  # type: ignore[no-untyped-call]
        )
        metadata: list[tuple[str, str]] = []
    else:
        client = aiplatform_v1.JobServiceClient(
            transport=JobServiceGrpcTransport(channel=grpc.insecure_channel(address))
        )
        metadata = [("authorization", f"Bearer {token}")] if token else []

    def send() -> tuple[object, str]:
        try:
            return 200, str(list(client.list_custom_jobs(parent=parent, metadata=metadata)))
        except exceptions.GoogleAPICallError as error:
            return error.code, error.message

    return send


def main() -> None:
    uid, how, address, parent, *files = sys.argv[1:]
    token = ""
    if files:
        token = Path(files[0]).read_text().strip()
    assert urlsplit(address).scheme or how == "google-grpc"
    send = plain(address, parent, token) if how == "rest" else google(address, parent, token, how)
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    print(json.dumps(send()))


if __name__ == "__main__":
    main()
