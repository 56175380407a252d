"""What every answer gets: the headers that all have, its place in the figures, its line in the log.

The headers are made once, because there are thousands of answers a second.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import Final

from flask import Response, request
from werkzeug.datastructures import Headers

from registry.model.errors import RegistryError
from registry.services.instance import Instance
from registry.services.system_info import SystemInfo
from registry.web import access_log, auditing, measuring
from registry.web.answers import Answer
from registry.web.context import current

logger = logging.getLogger(__name__)

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")


class Finishing:
    """Finishes the answers of one application."""

    def __init__(
        self, instance: Instance, kinds: Mapping[str, int], audited: frozenset[str]
    ) -> None:
        self._figures = instance.figures
        self._info = instance.system_info
        self._kinds = kinds
        self._audited = audited
        version = instance.config.artifactory_version
        self._headers: list[tuple[str, str]] = [
            ("X-Content-Type-Options", "nosniff"),
            ("Docker-Distribution-Api-Version", "registry/2.0"),
            ("Server", f"Artifactory/{version}"),
            ("X-JFrog-Version", f"Artifactory/{version} {self._info.revision}"),
        ]
        self._named: Sequence[tuple[str, str]] = ()
        self._complained = False

    def __call__(self, response: Response) -> Response:
        """Return the finished answer."""
        headers = self._named or self._name()
        if isinstance(response, Answer):
            response.common = headers
        else:
            response.headers.extend(headers)
        environ = request.environ
        if "ns=" in environ.get("QUERY_STRING", ""):
            _confirm_namespace(response.headers)
        call = current()
        seconds = time.perf_counter() - call.started
        method, sent = environ["REQUEST_METHOD"], call.offloaded
        if not sent and method != "HEAD":
            sent = int(response.headers.get("Content-Length") or 0)
        kind = self._kinds.get(request.endpoint or "", measuring.UNKNOWN)
        self._figures.count_request(
            kind, method, response.status_code, measuring.received(), sent, seconds
        )
        if request.endpoint in self._audited:
            auditing.record_change(response.status_code)
        access_log.log_request(response.status_code, sent, seconds)
        return response

    def _name(self) -> Sequence[tuple[str, str]]:
        """Return the headers with the names of the registry and the node, as far as there are any.

        A disk that takes no name now may do so later; no request fails for that.
        """
        try:
            self._named = [*self._headers, *_names(self._info)]
        except (RegistryError, OSError) as error:
            if not self._complained:
                logger.warning("the registry has no name yet: %s", error)
            self._complained = True
            return self._headers
        return self._named


def _names(info: SystemInfo) -> list[tuple[str, str]]:
    return [("X-Artifactory-Id", info.service_id), ("X-Artifactory-Node-Id", info.node_id)]


def _confirm_namespace(headers: Headers) -> None:
    """Tell a client that takes this for a mirror whose images it gets.

    Source: containerd's ``ns`` parameter and the ``OCI-Namespace`` header of the distribution spec.
    """
    namespace = request.args.get("ns", "")
    if _NAMESPACE.fullmatch(namespace):
        headers.add("OCI-Namespace", namespace)
