"""``tag``: what a tag was, putting it back, and sparing it from retention."""

from __future__ import annotations

import click

from registry.cli.common import (
    ACTOR,
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.digests import Digest
from registry.model.errors import ReferenceInvalid
from registry.model.targets import Target, parse_tag_target, parse_target
from registry.services.history import Change
from registry.storage.journal import now, timestamp

_SHOWN = 12
"""Hex digits of a digest that people are shown, and may give back to us."""


@click.group()
def tag() -> None:
    """Show the history of a tag, put it back, spare it from retention."""


@tag.command()
@click.argument("name", metavar="KEY/IMAGE:TAG")
@json_option
@storage_option
@click.pass_obj
@says_why
def history(
    faces: Faces, name: str, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """Show what happened to a tag, the oldest first.

    Each line ends with whether the manifest can still be had: from the image, from the trash, or
    not at all. 'unrecorded' is a change that the tag itself shows and the journal does not.
    """
    instance = open_instance(faces, config_file, storage)
    found = instance.history.of(*parse_tag_target(name))
    if as_json:
        changes = [_document(change) for change in found.changes]
        print_json({"tag": name, "history": changes, "damagedLines": found.damaged})
        return
    for change in found.changes:
        when = timestamp(change.time) if change.time else "at an unknown time"
        who = f"by {change.principal or 'unknown'}" + (
            f" from {change.address}" if change.address else ""
        )
        what = f"{_short(change.previous)} -> {_short(change.digest)}"
        rule = f"  ({change.rule})" if change.rule else ""
        click.echo(f"{when}  {change.event}  {what}  {who}{rule}  {change.available.value}")
    if found.damaged:
        click.echo(f"{found.damaged} lines of the journal are damaged and were skipped.", err=True)


def _short(digest: Digest | None) -> str:
    return "-" if digest is None else f"{digest.algorithm}:{digest.encoded[:_SHOWN]}"


def _document(change: Change) -> dict[str, object]:
    return {
        "time": timestamp(change.time) if change.time else None,
        "event": change.event,
        "recorded": change.recorded,
        "previous": change.previous,
        "digest": change.digest,
        "principal": change.principal,
        "address": change.address,
        "rule": change.rule,
        "available": change.available.name.lower(),
    }


@tag.command()
@click.argument("name", metavar="KEY/IMAGE:TAG")
@click.option("--to", required=True, metavar="DIGEST|TIME", help="What it was, or when.")
@storage_option
@click.pass_obj
@says_why
def revert(faces: Faces, name: str, to: str, config_file: str | None, storage: str | None) -> None:
    """Let a tag stand again for a manifest that it had before.

    DIGEST is the manifest's, or its beginning as 'tag history' shows it. TIME is a date, a date
    and time in the form of ISO 8601 (UTC unless it says otherwise), or how long ago it was: 90m,
    2h, 3d. The manifest is taken from the image or from the trash. The one that has the tag now
    can be pulled by digest, and reverted to.
    """
    instance = open_instance(faces, config_file, storage)
    done = instance.history.revert(*parse_tag_target(name), to, ACTOR, now())
    if not done.changed:
        click.echo(f"{name} is {done.digest} already; nothing was changed.")
        return
    before = f"; it was {done.previous}" if done.previous else ""
    click.echo(f"{name} is {done.digest} again{before}.")


@tag.command()
@click.argument("name", metavar="KEY/IMAGE:TAG")
@storage_option
@click.pass_obj
@says_why
def pin(faces: Faces, name: str, config_file: str | None, storage: str | None) -> None:
    """Spare a tag from retention, whatever is pushed to it."""
    instance = open_instance(faces, config_file, storage)
    new = instance.history.pin(*parse_tag_target(name), ACTOR)
    click.echo(f"{name} is pinned." if new else f"{name} was pinned already.")


@tag.command()
@click.argument("name", metavar="KEY/IMAGE:TAG")
@storage_option
@click.pass_obj
@says_why
def unpin(faces: Faces, name: str, config_file: str | None, storage: str | None) -> None:
    """Let retention decide on a tag again."""
    instance = open_instance(faces, config_file, storage)
    new = instance.history.pin(*parse_tag_target(name), ACTOR, pinned=False)
    click.echo(f"{name} is no longer pinned." if new else f"{name} was not pinned.")


@tag.command()
@click.argument("name", required=False, metavar="[KEY[/IMAGE]]")
@json_option
@storage_option
@click.pass_obj
@says_why
def pins(
    faces: Faces, name: str | None, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """List the tags that are spared from retention."""
    instance = open_instance(faces, config_file, storage)
    holding = instance.definitions.holding()
    targets = [parse_target(name)] if name else [Target(d.key) for d in holding]
    if targets and targets[0].reference is not None:
        raise ReferenceInvalid(f"pins are listed of a repository or an image, not of '{name}'")
    names = [
        str(Target(target.key, image, pinned))
        for target in targets
        for image, pinned in instance.history.pins(target.key, target.image)
    ]
    if as_json:
        print_json(sorted(names))
        return
    for found in sorted(names):
        click.echo(found)
