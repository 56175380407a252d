"""The web application: what every request goes through, and the blueprints."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from flask import Flask, Request, Response, g, request
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import Headers
from werkzeug.routing import MapAdapter

from registry.model.bodies import RECEIVED, ReceivedBody
from registry.model.errors import NameInvalid
from registry.services.instance import Instance
from registry.web import access_log, errors, health, metrics
from registry.web.addressing import client_address
from registry.web.artifactory import blueprint as artifactory
from registry.web.authentication import principal_of
from registry.web.context import Call
from registry.web.routing import Right
from registry.web.v2 import blueprint as v2

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")


class _NoSessions(SessionInterface):
    """The registry's APIs know no sessions, so no cookie is ever read or set."""

    def open_session(self, app: Flask, request: Any) -> SessionMixin | None:
        return None

    def make_null_session(self, app: Flask) -> Any:
        return None

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        pass


class _Application(Flask):
    """Flask, without looking at the host of each request: no route depends on it."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what matches the path of a request."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "registry", "/", "", "http", request.path, request.method)


def make_application(instance: Instance) -> Flask:
    """Return the application over a registry; no thread is started, nothing is read."""
    app = _Application("registry", static_folder=None)
    app.session_interface = _NoSessions()
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.register_blueprint(v2)
    app.register_blueprint(artifactory)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    errors.install(app)
    rights = {name: getattr(view, "right", None) for name, view in app.view_functions.items()}

    @app.before_request
    def begin() -> None:
        right = rights.get(request.endpoint or "") or Right.LOGIN
        proxies = instance.config.trusted_proxies
        call = g.call = Call(instance, right, client_address(request, proxies), _began())
        if right is Right.PUBLIC:
            return
        call.identify(principal_of(request, instance.authentication))
        _refuse_hidden_slashes()
        # Nobody learns anything by asking without credentials, whatever else is wrong.
        call.directory.require_login()
        if right is Right.ADMIN:
            call.directory.require_admin()

    app.after_request(_finish)
    return app


def _began() -> float:
    """Return when the request began: for a large body, when that began to come in."""
    received = request.environ.get(RECEIVED)
    return received.since if isinstance(received, ReceivedBody) else time.perf_counter()


def _refuse_hidden_slashes() -> None:
    """Refuse encoded slashes and the like: nginx and the application must see the same path."""
    raw = request.environ.get("REQUEST_URI", "").partition("?")[0].lower()
    if "%" in raw and any(hidden in raw for hidden in ("%2f", "%5c", "%00", "%2e")):
        raise NameInvalid("a path may not hide slashes, dots or zero bytes by percent-encoding")


def _finish(response: Response) -> Response:
    headers = response.headers
    headers.add("X-Content-Type-Options", "nosniff")
    headers.add("Docker-Distribution-Api-Version", "registry/2.0")
    if "ns=" in request.environ.get("QUERY_STRING", ""):
        _confirm_namespace(headers)
    return access_log.log_request(response)


def _confirm_namespace(headers: Headers) -> None:
    """Tell a client that takes this for a mirror whose images it gets.

    Source: containerd's ``ns`` parameter and the ``OCI-Namespace`` header of the distribution spec.
    """
    namespace = request.args.get("ns", "")
    if _NAMESPACE.fullmatch(namespace):
        headers.add("OCI-Namespace", namespace)
