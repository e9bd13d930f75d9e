"""Brings images to the engine: an image is pulled in a thread, because that takes minutes."""

from __future__ import annotations

import threading

from hydra_vertex.service.trials.engines.contract import RefusedError, UnavailableError

from .client import Client
from .settings import Pull


class Images:
    """The images of one engine, and the pulls of this process."""

    def __init__(self, client: Client, policy: Pull) -> None:
        self._client = client
        self._policy = policy
        self._lock = threading.Lock()
        self._pulls: dict[str, _PullThread] = {}
        self._done: set[tuple[str, str]] = set()

    def is_ready(self, image: str, launch_id: str) -> bool:
        """Whether a container can be created from the image for this launch; False while it is pulled.

        Raises RefusedError when the registry refuses it, or when it is missing and may not be pulled.
        """
        if self._policy != "always" and self._client.image_exists(image):
            return True
        if self._policy == "never":
            raise RefusedError(f"image {image}: the engine does not have it, and `pull` is never")
        return (image, launch_id) in self._done or self._is_pulled(image, launch_id)

    def forget(self, launch_id: str) -> None:
        """Forget what was pulled for a launch."""
        with self._lock:
            self._done = {(image, known) for image, known in self._done if known != launch_id}

    def _is_pulled(self, image: str, launch_id: str) -> bool:
        with self._lock:
            pull = self._pulls.get(image)
            if pull is None:
                pull = self._pulls[image] = _PullThread(self._client, image)
                pull.start()
            pull.launches.add(launch_id)
            if pull.is_alive():
                return False
            del self._pulls[image]
            if pull.error is not None:
                raise pull.error
            self._done |= {(image, known) for known in pull.launches}
            return True


class _PullThread(threading.Thread):
    """One pull. After its end `error` is None when it succeeded."""

    def __init__(self, client: Client, image: str) -> None:
        super().__init__(name=f"pull {image}", daemon=True)
        self.launches: set[str] = set()
        self.error: RefusedError | UnavailableError | None = None
        self._client = client
        self._image = image

    def run(self) -> None:
        try:
            self._client.pull(self._image)
        except (RefusedError, UnavailableError) as error:
            self.error = error
