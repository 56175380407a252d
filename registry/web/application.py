"""The web application: what every request goes through, and the blueprints."""

from __future__ import annotations

import time
from typing import Any, Final

from flask import Flask, Request, Response, g, request
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.routing import MapAdapter

from registry.access.granting import require_unlimited
from registry.model.bodies import RECEIVED, ReceivedBody
from registry.model.errors import NameInvalid
from registry.model.waiting import BEGAN
from registry.services.instance import Instance
from registry.web import errors, health, measuring, metrics
from registry.web.addressing import client_address
from registry.web.artifactory import blueprint as artifactory
from registry.web.auditing import audited_in
from registry.web.authentication import PAGES, principal_of, speaks_docker
from registry.web.context import Call
from registry.web.finishing import Finishing
from registry.web.routing import Matching, RememberedRoutes, RepositoryPart, Right, Route
from registry.web.sessions import principal_of_session
from registry.web.ui import blueprint as ui
from registry.web.v2 import blueprint as v2

_NEVER: Final = ("%5c", "%00", "%2e")
"""What no client encodes, and what a proxy in front could take for something else."""
_HIDDEN: Final = (*_NEVER, "%2f")
"""Beyond that, clients of Artifactory's API encode slashes within a location."""


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

    url_rule_class = Route

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self._routes: RememberedRoutes = {}

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what matches the path of a request."""
        if request is None:
            return None
        return Matching(self.url_map, request.path, request.method, self._routes)


def make_application(instance: Instance) -> Flask:
    """Return the application over a registry; no thread is started, nothing is read."""
    app = _Application("registry")
    app.session_interface = _NoSessions()
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["repository"] = RepositoryPart
    app.register_blueprint(v2)
    app.register_blueprint(artifactory)
    app.register_blueprint(ui)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    errors.install(app)
    rights = {name: getattr(view, "right", None) for name, view in app.view_functions.items()}
    # Whoever may read the figures is a setting; for everything else only the route counts.
    reader = Right.PUBLIC if instance.config.metrics_anonymous else Right.ADMIN
    rights = {name: reader if right is Right.MONITOR else right for name, right in rights.items()}

    @app.before_request
    def begin() -> None:
        right = rights.get(request.endpoint or "") or Right.LOGIN
        proxies = instance.config.trusted_proxies
        call = g.call = Call(instance, right, client_address(request, proxies), _began())
        if right is Right.PUBLIC:
            return
        if request.path.startswith(PAGES):
            call.identify(principal_of_session(call))
        else:
            call.identify(principal_of(request, instance.authentication, call.client))
        _refuse_hidden_slashes()
        # Nobody learns anything by asking without credentials, whatever else is wrong.
        call.directory.require_login()
        if right is Right.ADMIN:
            call.directory.require_admin()
        elif right in (Right.ACCOUNT, Right.MANAGE):
            require_unlimited(call.directory.principal)

    app.after_request(Finishing(instance, measuring.kinds_of(app), audited_in(app)))
    return app


def _began() -> float:
    """Return when the request began: for a large body, when that began to come in."""
    environ = request.environ
    received = environ.get(RECEIVED)
    if isinstance(received, ReceivedBody):
        return received.since
    return environ.get(BEGAN) or time.perf_counter()


def _refuse_hidden_slashes() -> None:
    """Refuse encoded slashes and the like: nginx and the application must see the same path."""
    raw = request.environ.get("REQUEST_URI", "").partition("?")[0].lower()
    hidden = _HIDDEN if speaks_docker(request.path) else _NEVER
    if "%" in raw and any(code in raw for code in hidden):
        raise NameInvalid("a path may not hide slashes, dots or zero bytes by percent-encoding")
