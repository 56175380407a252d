"""``key``: the signing keys of tokens."""

from __future__ import annotations

import click

from registry.access.keys import KEPT
from registry.cli.common import Faces, journaled, open_instance, says_why, storage_option


@click.group()
def key() -> None:
    """Rotate the keys that sign tokens."""


@key.command()
@storage_option
@click.pass_obj
@says_why
@journaled
def rotate(faces: Faces, config_file: str | None, storage: str | None) -> None:
    """Sign new tokens with a new key; tokens of the keys before stay good until they expire."""
    count = open_instance(faces, config_file, storage).keys.rotate()
    click.echo(f"New tokens are signed with a new key; {count} of at most {KEPT} keys verify.")
