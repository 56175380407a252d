"""The commands of a page: its blocks that say who is to give them, in their order.

A block begins with ```` ```sh ROLE ````; one without a role is shown, and not tried.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```sh (?P<role>[a-z]+)\n(?P<script>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """Some commands, and where they stand."""

    place: str
    role: str
    """Who gives them: the server's administrator, somebody at a client, …"""
    script: str


def page(name: str) -> str:
    """The text of a page below ``docs``."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(name: str, *roles: str) -> list[Block]:
    """The blocks of a page that somebody of these roles gives."""
    text = page(name)
    found = [
        Block(f"{name}:{text.count(chr(10), 0, match.start()) + 1}", match["role"], match["script"])
        for match in _BLOCK.finditer(text)
    ]
    chosen = [block for block in found if block.role in roles]
    assert chosen, f"{name} has no block for {roles}"
    return chosen
