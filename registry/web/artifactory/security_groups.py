"""Groups over REST: as Artifactory has had them for long, and by the Access API.

Source: Artifactory's REST API, "Security" and "Groups" of version 2 of the Access API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Response

from registry.access.groups import Group, GroupFields
from registry.model.errors import GroupInvalid, UserUnknown
from registry.web.answers import Answer, json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.locations import flag
from registry.web.artifactory.security_bodies import (
    ACCESS_FORMS,
    address,
    done,
    flag_of,
    name_in_path,
    page_of,
    received_object,
    require_same_name,
    text_of,
    users_of,
)
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_GROUPS: Final = "/api/security/groups"
_ONE: Final = f"{_GROUPS}/<name>"
_ABOVE: Final = 3
"""Parts of the path before the name: ``api/security/groups``."""
_ACCESS_GROUPS: Final = "/api/v2/groups"
_ACCESS_ONE: Final = f"{_ACCESS_GROUPS}/<name>"
_ACCESS_ABOVE: Final = 4


@route(blueprint, FORMS, _GROUPS, ["GET"], Right.ADMIN)
def list_groups() -> Response:
    """All groups."""
    groups = current().instance.groups.all()
    return json_answer(
        [{"name": group.name, "uri": address(f"{_GROUPS}/", group.name)} for group in groups]
    )


@route(blueprint, FORMS, _ONE, ["GET"], Right.ADMIN)
def get_group(name: str) -> Response:
    """One group, with its members if ``includeUsers`` asks for them."""
    instance = current().instance
    group = instance.groups.get(name_in_path(_ABOVE))
    document: dict[str, object] = {
        "name": group.name,
        "description": group.description,
        "autoJoin": group.auto_join,
        "adminPrivileges": group.admin_privileges,
        "realm": group.realm,
        "realmAttributes": group.realm_attributes,
        "externalId": group.external_id,
    }
    if flag("includeUsers"):
        document["userNames"] = instance.users.members(group.name)
    others = ("watchManager", "policyManager", "reportsManager")
    return json_answer(document | dict.fromkeys(others, False))


@route(blueprint, FORMS, _ONE, ["PUT"], Right.ADMIN)
def put_group(name: str) -> Response:
    """Create a group, or replace one; its members stay unless the body has others."""
    given, wanted = _given("name", name_in_path(_ABOVE))
    members = _members(given, "userNames")
    current().instance.groups.replace(wanted, _fields(given))
    _set_members(wanted, members)
    return done(201)


@route(blueprint, FORMS, _ONE, ["POST"], Right.ADMIN)
def change_group(name: str) -> Response:
    """Change the fields that the body has."""
    given, wanted = _given("name", name_in_path(_ABOVE))
    current().instance.groups.get(wanted)
    members = _members(given, "userNames")
    current().instance.groups.change(wanted, _fields(given))
    _set_members(wanted, members)
    return done()


@route(blueprint, FORMS, _ONE, ["DELETE"], Right.ADMIN)
def delete_group(name: str) -> Response:
    """Remove a group, also from its members and from permissions."""
    wanted = name_in_path(_ABOVE)
    current().instance.groups.remove(wanted)
    return done(text=f"Group '{wanted}' has been removed successfully.")


@route(blueprint, ACCESS_FORMS, _ACCESS_GROUPS, ["GET"], Right.ADMIN)
def list_access_groups() -> Response:
    """A page of the groups."""
    names, cursor = page_of([group.name for group in current().instance.groups.all()])
    entries = [
        {"group_name": name, "uri": address("/access", f"{_ACCESS_GROUPS}/", name)}
        for name in names
    ]
    return json_answer({"groups": entries, "cursor": cursor})


@route(blueprint, ACCESS_FORMS, _ACCESS_GROUPS, ["POST"], Right.ADMIN)
def create_access_group() -> Response:
    """Create a group; one that is there stays as it is."""
    given = received_object()
    name = text_of(given, "name") or ""
    members = _members(given, "members")
    current().instance.groups.create(name, _access_fields(given))
    _set_members(name, members)
    return json_answer(_access_document(name), 201)


@route(blueprint, ACCESS_FORMS, _ACCESS_ONE, ["GET"], Right.ADMIN)
def get_access_group(name: str) -> Response:
    """One group with its members."""
    return json_answer(_access_document(name_in_path(_ACCESS_ABOVE)))


@route(blueprint, ACCESS_FORMS, _ACCESS_ONE, ["PATCH"], Right.ADMIN)
def change_access_group(name: str) -> Response:
    """Change the fields that the body has."""
    given, wanted = _given("name", name_in_path(_ACCESS_ABOVE))
    current().instance.groups.get(wanted)
    members = _members(given, "members")
    current().instance.groups.change(wanted, _access_fields(given))
    _set_members(wanted, members)
    return json_answer(_access_document(wanted))


@route(blueprint, ACCESS_FORMS, _ACCESS_ONE, ["DELETE"], Right.ADMIN)
def delete_access_group(name: str) -> Response:
    """Remove a group, also from its members and from permissions."""
    current().instance.groups.remove(name_in_path(_ACCESS_ABOVE))
    return Answer(204)


@route(blueprint, ACCESS_FORMS, f"{_ACCESS_ONE}/members", ["PATCH"], Right.ADMIN)
def change_access_members(name: str) -> Response:
    """Let users join and leave a group."""
    given, wanted = received_object(), name_in_path(_ACCESS_ABOVE)
    current().instance.groups.get(wanted)
    add, remove = _members(given, "add") or [], _members(given, "remove") or []
    return json_answer({"members": current().instance.users.change_members(wanted, add, remove)})


def _given(key: str, name: str) -> tuple[Mapping[str, Any], str]:
    """Return the body, which is about the group of that name, and the name."""
    given = received_object()
    require_same_name(given, key, name)
    return given, name


def _fields(given: Mapping[str, Any]) -> GroupFields:
    return GroupFields(
        description=text_of(given, "description"),
        auto_join=flag_of(given, "autoJoin"),
        admin_privileges=flag_of(given, "adminPrivileges"),
        realm=text_of(given, "realm"),
        realm_attributes=text_of(given, "realmAttributes"),
        external_id=text_of(given, "externalId"),
    )


def _access_fields(given: Mapping[str, Any]) -> GroupFields:
    return GroupFields(
        description=text_of(given, "description"),
        auto_join=flag_of(given, "auto_join"),
        admin_privileges=flag_of(given, "admin_privileges"),
        external_id=text_of(given, "external_id"),
    )


def _access_document(name: str) -> dict[str, object]:
    group: Group = current().instance.groups.get(name)
    return {
        "name": group.name,
        "description": group.description,
        "auto_join": group.auto_join,
        "admin_privileges": group.admin_privileges,
        "external_id": group.external_id,
        "realm": group.realm,
        "members": current().instance.users.members(group.name),
    }


def _members(given: Mapping[str, Any], name: str) -> Sequence[str] | None:
    """Return the members that a body names, who are all there. Raises GroupInvalid."""
    members = users_of(given, name)
    try:
        for member in members or ():
            current().instance.users.get(member)
    except UserUnknown as error:
        raise GroupInvalid(error.message) from None
    return members


def _set_members(name: str, members: Sequence[str] | None) -> None:
    if members is not None:
        current().instance.users.set_members(name, members)
