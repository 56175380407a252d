"""``du``: what repositories, images and tags cost, and what deleting them frees."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click

from registry.cli.common import (
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.targets import parse_target
from registry.services.usage import Usage
from registry.services.usage_report import Figures, Share, UsageReport

_SHOWN: Final = 5
"""With how many others it is said what is shared; --json has all."""
_UNITS: Final = ("KiB", "MiB", "GiB", "TiB", "PiB")
_WAITING: Final = {
    "untagged": "of manifests without a tag (untaggedRetentionDays)",
    "trash": "held by the trash; 'trash empty' lets it go",
    "leases": "blobs that no manifest needs yet (prune_grace)",
    "uploads": "uploads on their way (upload_lifetime)",
    "orphans": "orphans waiting for the grace (prune_grace, prune_hold)",
}


@click.command()
@click.argument("name", required=False, metavar="[KEY[/IMAGE[:TAG|@DIGEST]]]")
@json_option
@storage_option
@click.pass_obj
@says_why
def du(
    faces: Faces, name: str | None, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """Say what something costs, with whom it shares that, and what deleting it frees.

    Without a name: the whole storage folder with its repositories. LOGICAL counts content as often
    as it occurs, SIZE once; UNIQUE is what nobody else has. FREES is what pruning frees after the
    deletion, when the trash has expired and all graces are over.
    """
    target = parse_target(name) if name else None
    instance = open_instance(faces, config_file, storage)
    shown = _is_terminal() and not as_json

    def progress(folders: int) -> None:
        if shown:
            click.echo(f"\r\033[K{folders:,} folders …", err=True, nl=False)

    try:
        report = Usage(instance.store, instance.definitions, progress).of(target)
    finally:
        if shown:
            click.echo("\r\033[K", err=True, nl=False)
    if as_json:
        print_json(report.document())
    else:
        _tell(report)


def _is_terminal() -> bool:
    return sys.stderr.isatty()


def _tell(report: UsageReport) -> None:
    total = report.total
    click.echo(total.name or "the whole storage folder")
    click.echo(f"  logical {readable(total.logical):>12}")
    click.echo(f"  size    {readable(total.own):>12}")
    click.echo(f"  unique  {readable(total.unique):>12}")
    click.echo(f"  shared  {readable(total.shared):>12}")
    _tell_shares(report.shared_with)
    if report.needed_by is not None:
        click.echo(f"  cannot be deleted: it is part of the index {report.needed_by}")
    elif total.frees is not None:
        click.echo(f"  deleting it frees {readable(total.frees)}")
    for name, amount in report.waiting.items():
        if amount.names:
            click.echo(f"  beside it {readable(amount.bytes):>10}  {_WAITING[name]}")
    if report.parts:
        click.echo()
        _tell_parts(report.parts)
    if report.warning is not None:
        click.echo(report.warning, err=True)


def _tell_shares(shares: Sequence[Share]) -> None:
    for share in shares[:_SHOWN]:
        click.echo(f"    with  {readable(share.bytes):>12}  {share.name}")
    if len(shares) > _SHOWN:
        click.echo(f"    with {len(shares) - _SHOWN:,} more; --json names all")


def _tell_parts(parts: Sequence[Figures]) -> None:
    click.echo(f"{'LOGICAL':>10}  {'SIZE':>10}  {'UNIQUE':>10}  {'FREES':>10}  NAME")
    for part in parts:
        sizes = (part.logical, part.own, part.unique, part.frees or 0)
        click.echo("  ".join([*(f"{readable(size):>10}" for size in sizes), part.name]))


def readable(size: int) -> str:
    """Return a number of bytes for people: three digits that count, and a unit."""
    amount, unit = float(size), "B"
    for larger in _UNITS:
        # What would be rounded to 1024 is one of the next unit.
        if abs(amount) < 1023.5:
            break
        amount, unit = amount / 1024, larger
    if unit == "B" or abs(amount) >= 99.95:
        return f"{amount:.0f} {unit}"
    return f"{amount:.1f} {unit}"
