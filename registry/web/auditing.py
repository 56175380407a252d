"""Who has administrated what: a line of the journal for each change that is about no image.

It is written for every such route, whichever there will be; images have lines of their own.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, request

from registry.model.content import Actor
from registry.web.access_log import shown_path
from registry.web.context import current
from registry.web.measuring import kind_of
from registry.web.routing import Right

_CHANGES: Final = ("POST", "PUT", "PATCH", "DELETE")
_RIGHTS: Final = (Right.ACCOUNT, Right.MANAGE, Right.ADMIN)
_KINDS: Final = ("security", "access")
"""Kinds of routes, some of which look for the right themselves: those to tokens."""


def audited_in(app: Flask) -> frozenset[str]:
    """Return the end points by which something is administrated."""
    return frozenset(
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not (rule.methods or set()).isdisjoint(_CHANGES)
        and (
            getattr(app.view_functions[rule.endpoint], "right", None) in _RIGHTS
            or kind_of(rule.rule) in _KINDS
        )
    )


def record_change(status: int) -> None:
    """Write the line for the request that is being answered, if it has changed anything."""
    method = request.environ["REQUEST_METHOD"]
    if method not in _CHANGES or status >= 300:
        return
    call = current()
    principal = call.principal
    actor = principal.actor(call.client) if principal is not None else Actor("-", call.client)
    call.instance.store.journal.record_change(actor, f"{method} {shown_path()}")
