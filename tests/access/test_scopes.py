from __future__ import annotations

import pytest

from registry.access.principals import Action
from registry.access.scopes import USER, parse_scope
from registry.model.errors import RequestInvalid

APP = "docker-local/team/app"
READ, WRITE = frozenset({Action.READ}), frozenset({Action.READ, Action.WRITE})


@pytest.mark.parametrize(
    ("text", "admin", "groups", "images"),
    [
        ("", False, None, None),
        ("applied-permissions/user", False, None, None),
        ("api:*", False, None, None),
        ("member-of-groups:* api:*", False, None, None),
        ("applied-permissions/admin", True, None, None),
        ("jfrt@01abc:admin api:*", True, None, None),
        ("jfrt@*:admin", True, None, None),
        ("member-of-groups:readers", False, {"readers"}, None),
        ("member-of-groups:readers,writers api:*", False, {"readers", "writers"}, None),
        ('applied-permissions/groups:"a b",c', False, {"a b", "c"}, None),
        ('applied-permissions/groups:a member-of-groups:"b, c"', False, {"a", "b, c"}, None),
        ("applied-permissions/user member-of-groups:readers", False, None, None),
        ("applied-permissions/admin member-of-groups:readers", True, None, None),
        (f"applied-permissions/images:{APP}:pull", False, None, {APP: READ}),
        (f"applied-permissions/images:{APP},a/b:pull,push",
         False, None, {APP: WRITE, "a/b": WRITE}),
        (f"applied-permissions/images:{APP}:pull applied-permissions/images:{APP}:push",
         False, None, {APP: WRITE}),
        (f"member-of-groups:readers applied-permissions/images:{APP}:pull",
         False, {"readers"}, {APP: READ}),
    ],
)  # fmt: skip
def test_a_scope_means(
    text: str, admin: bool, groups: set[str] | None, images: dict[str, frozenset[Action]] | None
) -> None:
    scope = parse_scope(text)
    assert (scope.admin, scope.groups, scope.images) == (admin, groups, images)
    assert scope.text == (text or USER)


@pytest.mark.parametrize(
    "text",
    [
        "x", "applied-permissions/", "applied-permissions/everything", "member-of-groups:",
        "member-of-groups:a,", "member-of-groups:,a", 'member-of-groups:"a',
        'member-of-groups:a"b"', '"', "applied-permissions/images:",
        "applied-permissions/images:x:pull",
        f"applied-permissions/images:{APP}", f"applied-permissions/images:{APP}:",
        f"applied-permissions/images:{APP}:admin", f"applied-permissions/images:{APP}:*",
        "applied-permissions/images:docker-local/*:pull", "applied-permissions/images:*:pull",
        "applied-permissions/images:docker-local/../a:pull", "applied-permissions/images:A/b:pull",
        f"applied-permissions/admin applied-permissions/images:{APP}:pull",
        "repository:docker-local/a:pull", "api:read", "\0", "a\nb", "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        parse_scope(text)
