"""Permission targets by the Access API: whole ones, and their sections one by one.

Source: Artifactory's REST API, "Permissions" of version 2 of the Access API.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response

from registry.access.permission_forms import (
    RESOURCES,
    from_access,
    section_from_access,
    section_to_access,
    to_access,
)
from registry.access.permission_targets import PermissionTarget, Section
from registry.model.errors import PermissionUnknown, RouteUnknown
from registry.web.answers import Answer, json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.security_bodies import (
    ACCESS_FORMS,
    address,
    name_in_path,
    page_of,
    received_object,
    text_of,
)
from registry.web.artifactory.security_permissions import caller, permissions
from registry.web.routing import Right, route

_ALL: Final = "/api/v2/permissions"
_ONE: Final = f"{_ALL}/<name>"
_SECTION: Final = f"{_ONE}/<resource>"
_ABOVE: Final = 4
"""Parts of the path before the name: ``access/api/v2/permissions``."""


@route(blueprint, ACCESS_FORMS, _ALL, ["GET"], Right.MANAGE)
def list_access_permissions() -> Response:
    """A page of the permission targets that the caller may change."""
    names, cursor = page_of([target.name for target in permissions().all(caller())])
    entries = [{"name": name, "uri": address("/access", f"{_ALL}/", name)} for name in names]
    return json_answer({"permissions": entries, "cursor": cursor})


@route(blueprint, ACCESS_FORMS, _ALL, ["POST"], Right.MANAGE)
def create_access_permission() -> Response:
    """Create one; one that is there stays as it is."""
    permissions().require_some(caller())
    given = received_object()
    target = from_access(text_of(given, "name") or "", given)
    permissions().create(caller(), target)
    return json_answer(to_access(_target(target.name)), 201)


@route(blueprint, ACCESS_FORMS, _ONE, ["GET"], Right.MANAGE)
def get_access_permission(name: str) -> Response:
    """One of them."""
    return json_answer(to_access(_target(name_in_path(_ABOVE))))


@route(blueprint, ACCESS_FORMS, _ONE, ["DELETE"], Right.MANAGE)
def delete_access_permission(name: str) -> Response:
    """Remove one."""
    permissions().remove(caller(), name_in_path(_ABOVE))
    return Answer(204)


@route(blueprint, ACCESS_FORMS, _SECTION, ["GET"], Right.MANAGE)
def get_access_section(name: str, resource: str) -> Response:
    """One section of one of them."""
    return json_answer(section_to_access(_section(_target(name_in_path(_ABOVE)), resource)))


@route(blueprint, ACCESS_FORMS, _SECTION, ["PUT"], Right.MANAGE)
def put_access_section(name: str, resource: str) -> Response:
    """Replace a section, which may be new."""
    target = _target(name_in_path(_ABOVE))
    return _put(target, resource, section_from_access(received_object()))


@route(blueprint, ACCESS_FORMS, _SECTION, ["PATCH"], Right.MANAGE)
def change_access_section(name: str, resource: str) -> Response:
    """Change the parts of a section that the body has."""
    target = _target(name_in_path(_ABOVE))
    before = target.sections.get(_named(resource))
    return _put(target, resource, section_from_access(received_object(), before))


@route(blueprint, ACCESS_FORMS, _SECTION, ["DELETE"], Right.MANAGE)
def delete_access_section(name: str, resource: str) -> Response:
    """Remove a section."""
    target = _target(name_in_path(_ABOVE))
    _section(target, resource)
    left = {key: part for key, part in target.sections.items() if key != _named(resource)}
    permissions().replace(caller(), replace(target, sections=left))
    return Answer(204)


def _target(name: str) -> PermissionTarget:
    return permissions().get(caller(), name)


def _named(resource: str) -> str:
    """Return what we call a section of that name. Raises RouteUnknown."""
    if resource not in RESOURCES:
        raise RouteUnknown("nothing is served here")
    return RESOURCES[resource]


def _section(target: PermissionTarget, resource: str) -> Section:
    section = target.sections.get(_named(resource))
    if section is None:
        raise PermissionUnknown(f"the permission target '{target.name}' says nothing of that")
    return section


def _put(target: PermissionTarget, resource: str, section: Section) -> Response:
    sections = {**target.sections, _named(resource): section}
    permissions().replace(caller(), replace(target, sections=sections))
    return json_answer(section_to_access(section))
