"""``prune``: free what nothing needs, now."""

from __future__ import annotations

import sys

import click

from registry.cli.common import (
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.errors import StoragePruning
from registry.services.pruning import Options
from registry.services.pruning_report import Report

_HELD = {
    "grace": "nobody has needed it for less than the grace (prune_grace)",
    "clock": "waits until an earlier pass proves that the time has passed; --force does not wait",
    "hold": "taken away, freed after the hold (prune_hold)",
    "limit": "more than one pass takes away (prune_limit); --force goes beyond",
    "trash": "can be restored; 'trash empty' lets it go",
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--force", is_flag=True, help="Do not wait for a second pass, and go beyond the limit of one."
)
@json_option
@storage_option
@click.pass_obj
@says_why
def prune(
    faces: Faces,
    dry_run: bool,
    force: bool,
    as_json: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Free what nothing needs.

    A running server does this by itself. Nothing goes before its grace is over, with --force
    either, so pushes and pulls can go on.
    """
    instance = open_instance(faces, config_file, storage)
    shown = sys.stderr.isatty() and not as_json

    def progress(step: str) -> None:
        if shown:
            click.echo(f"\r\033[K{step} …", err=True, nl=False)

    with instance.store.locks.try_job("prune") as free:
        if not free:
            raise StoragePruning("another pass is under way; try again when it has ended")
        report = instance.pruning.run(Options(dry_run=dry_run, force=force), progress=progress)
    if shown:
        click.echo("\r\033[K", err=True, nl=False)
    if as_json:
        print_json(report.document())
    else:
        _tell(report)


def _tell(report: Report) -> None:
    would = "would be " if report.dry_run else ""
    rows = [
        (f"content {would}freed", report.freed.names, report.freed.bytes),
        (f"content {would}set on hold", report.set_on_hold.names, report.set_on_hold.bytes),
        *(
            (f"held by {name}: {_HELD[name]}", amount.names, amount.bytes)
            for name, amount in report.held.items()
            if amount.names
        ),
    ]
    for text, names, size in rows:
        click.echo(f"{names:>9} names {size:>15} bytes  {text}")
    counts = [
        ("manifests without a tag deleted", report.manifests_deleted),
        *(
            (f"manifests without a tag kept by {why}", n)
            for why, n in report.manifests_kept.items()
        ),
        ("leases ended", report.leases_ended),
        ("entries of the trash expired", report.trash_expired),
        ("abandoned uploads removed", report.uploads_removed),
        ("leftovers removed", report.leftovers_removed),
        ("empty folders removed", report.folders_removed),
    ]
    for text, number in counts:
        if number:
            click.echo(f"{number:>9} {text}")
    if report.skipped:
        click.echo(report.skipped, err=True)
