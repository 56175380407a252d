"""How routes are declared: each with the right that it needs.

A Docker repository is reached in three forms: ``/v2/<key>/<image>/…`` (the key is the first part
of the image name), and ``/artifactory/api/docker/<key>/v2/<image>/…`` with and without
``/artifactory``, to which a proxy maps sub-domains and ports.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from flask import Blueprint
from werkzeug.routing import BaseConverter, Map, MapAdapter, Rule

from registry.model.names import RESERVED_KEYS

REPOSITORY_FORMS: Final = (
    "/v2/<key>",
    "/artifactory/api/docker/<key>/v2",
    "/api/docker/<key>/v2",
)
"""The prefixes of everything that belongs to one repository."""

FORMS: Final = ("/artifactory", "")
"""The prefixes of Artifactory's REST API and of its trees."""

REGISTRY_FORMS: Final = ("/v2", "/artifactory/api/docker/<key>/v2", "/api/docker/<key>/v2")
"""The prefixes of what belongs to a registry as a whole, as a client sees one."""


RememberedRoutes = dict[tuple[str, str], tuple[Rule, Mapping[str, Any]]]
"""Path and method to what `Matching` found."""
_REMEMBERED: Final = 4096
"""Paths of which the route is remembered; there are as many paths as anybody likes to ask for."""
_REMEMBERED_LENGTH: Final = 320
"""Characters; the longest path of a manifest by digest."""


class RepositoryPart(BaseConverter):
    """A part of a path that can be a repository key: none of the words that paths of ours have."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED_KEYS))})(?:/|$))[^/]+"


class Route(Rule):
    """A route that requests are matched with, and that no address is ever built from.

    Links come from `registry.web.addressing`, which knows what the client used. To be ready for
    building them is nearly all of the time that an application of a thousand routes takes to make.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Any]:
        return _builds_nothing


def _builds_nothing(*_: object, **__: object) -> None:
    return None


class Matching(MapAdapter):
    """Finds the route of a path; what was found for a path is remembered for a while.

    Pulls and pushes ask for the same few paths again and again, and going through the patterns of
    all routes is a sixth of the time of a small answer. Nothing else decides which route it is.
    """

    def __init__(self, routes: Map, path: str, method: str, remembered: RememberedRoutes) -> None:
        super().__init__(routes, "registry", "/", "", "http", path, method)
        self._known = remembered

    def match(self, *arguments: Any, **named: Any) -> Any:
        """Return the rule and the arguments, as flask asks for them."""
        if arguments or named != {"return_rule": True} or len(self.path_info) > _REMEMBERED_LENGTH:
            return super().match(*arguments, **named)
        key = self.path_info, self.default_method
        found = self._known.get(key)
        if found is None:
            found = super().match(return_rule=True)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        rule, values = found
        return rule, dict(values)


View = TypeVar("View", bound=Callable[..., Any])


class Right(enum.Enum):
    """What a caller needs for a route, before the guarded repository decides on the image."""

    PUBLIC = "public"
    """Nothing; the handler gives nothing away."""
    LOGIN = "login"
    """To be somebody, or anonymous where anonymous callers may do anything at all."""
    ACCOUNT = "account"
    """To be a known user, with credentials that carry all of the user's rights."""
    MANAGE = "manage"
    """The same, and to be an admin or to manage what it is about: the handler decides."""
    PULL = "pull"
    PUSH = "pull,push"
    ANNOTATE = "annotate"
    DELETE = "delete"
    ADMIN = "admin"
    """To be an admin, with full credentials."""
    MONITOR = "monitor"
    """The same, or nothing at all where the setting ``metrics_anonymous`` says so."""


def route(
    blueprint: Blueprint,
    prefixes: Iterable[str],
    rule: str,
    methods: list[str],
    right: Right,
) -> Callable[[View], View]:
    """Declare a handler for ``rule`` below each of ``prefixes``, and the right it needs."""

    def declare(view: View) -> View:
        view.right = right  # type: ignore[attr-defined]
        for number, prefix in enumerate(prefixes):
            blueprint.add_url_rule(
                f"{prefix}{rule}",
                f"{view.__name__}_{number}" if number else None,
                view,
                methods=methods,
                provide_automatic_options=False,
            )
        return view

    return declare
