"""Damage to what is kept of groups, permission targets and access tokens."""

from __future__ import annotations

from pathlib import Path

from tests.services.checking.plants import plant, replace


@plant("access-damaged")
def _(root: Path) -> str:
    replace(root / "etc/groups/staff.json", b"no document", 0o640)
    return "etc/groups/staff.json"


@plant("access-damaged 2")
def _(root: Path) -> str:
    replace(root / "etc/permissions/pulls.json", b'{"name": "pushes"}', 0o640)
    return "etc/permissions/pulls.json"


@plant("access-damaged 3")
def _(root: Path) -> str:
    replace(root / "etc/tokens/0a1b.json", b"[]", 0o600)
    return "etc/tokens/0a1b.json"
