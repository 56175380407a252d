"""``fsck`` and ``relink``: what is wrong in the storage folder, and putting it right."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import click

from registry.cli.common import (
    Faces,
    json_option,
    load_settings,
    print_json,
    printable,
    says_why,
    storage_option,
)
from registry.services.findings import KINDS, Finding, Severity
from registry.services.instance import Instance
from registry.services.repairing import LINKS

_SHOWN: Final = 20
"""Findings of one kind that are printed; JSON has all."""

_dry_run = click.option(
    "--dry-run", is_flag=True, help="Say what would be repaired, and do nothing."
)


@click.command()
@click.option("--deep", is_flag=True, help="Read all content, too, and compare it with its digest.")
@click.option("--repair", is_flag=True, help="Put right what can be made again from what is there.")
@_dry_run
@json_option
@storage_option
@click.pass_obj
@says_why
def fsck(
    faces: Faces,
    deep: bool,
    repair: bool,
    dry_run: bool,
    as_json: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Check the storage folder.

    Nothing is changed without --repair, and the server may go on running. Exits with 0 if nothing
    is wrong (any more), and with 1 if something is.
    """
    instance = faces.build(load_settings(config_file, storage))
    session = _Session(instance, as_json=as_json, deep=deep)
    if repair:
        session.repair(None, dry_run=dry_run)
    else:
        session.check()


@click.command()
@_dry_run
@json_option
@storage_option
@click.pass_obj
@says_why
def relink(
    faces: Faces, dry_run: bool, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """Make links again, and nothing else.

    For a storage folder that was copied without its hard links: all names of one content become one
    file again, and the disk use is what it was. The server may go on running.
    """
    instance = faces.build(load_settings(config_file, storage))
    _Session(instance, as_json=as_json, deep=False).repair(LINKS, dry_run=dry_run)


class _Session:
    """One run of these commands: what is done, what is told."""

    def __init__(self, instance: Instance, *, as_json: bool, deep: bool) -> None:
        self._instance = instance
        self._as_json = as_json
        self._deep = deep
        self._shows = sys.stderr.isatty() and not as_json
        self._began = time.monotonic()

    def check(self) -> None:
        """Check, print what was found, and exit with 1 if that is anything."""
        self._end(list(self._findings()), [])

    def repair(self, kinds: frozenset[str] | None, *, dry_run: bool) -> None:
        """Repair, print what was done and what remains, and exit with 1 if that is anything."""
        repairing = self._instance.repairing
        if dry_run:
            chosen = [f for f in self._findings() if kinds is None or f.kind in kinds]
            possible = [f for f in chosen if f.kind in repairing.kinds]
            self._end(chosen, possible, verb="Would repair")
            return
        done: list[Finding] = []
        remaining = repairing.run(self._findings, kinds=kinds, told=done.append)
        self._end(remaining, done, verb="Repaired")

    def _findings(self) -> Iterator[Finding]:
        yield from self._instance.checking.run(deep=self._deep, progress=self._progress)
        self._progress("")

    def _progress(self, step: str) -> None:
        if self._shows:
            click.echo(f"\r\033[K{step}", err=True, nl=False)

    def _end(
        self, findings: Sequence[Finding], done: Sequence[Finding], verb: str = "Repaired"
    ) -> None:
        if self._as_json:
            print_json(self._document(findings, done))
        else:
            _tell(done, lambda f: f"{verb} {f.kind}: {f.path}")
            _tell(findings, _line)
            checked = self._instance.checking.checked
            click.echo(
                f"{checked.images} images, {checked.manifests} manifests, {checked.contents} "
                f"contents: {len(findings)} findings."
            )
        if findings:
            click.echo(f"Error: {_sentence(findings, self._instance.repairing.kinds)}", err=True)
            sys.exit(1)

    def _document(self, findings: Sequence[Finding], done: Sequence[Finding]) -> dict[str, object]:
        checked = self._instance.checking.checked
        return {
            "storage": self._instance.store.layout.root,
            "images": checked.images,
            "manifests": checked.manifests,
            "contents": checked.contents,
            "seconds": round(time.monotonic() - self._began, 3),
            "counts": dict(Counter(finding.kind for finding in findings)),
            "findings": [finding.document() for finding in findings],
            "repaired": dict(Counter(finding.kind for finding in done)),
        }


def _tell(findings: Sequence[Finding], text: Callable[[Finding], str]) -> None:
    """Print findings in the order of how bad they are; of many of one kind the first ones."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    for kind in sorted(by_kind, key=list(KINDS).index):
        for finding in by_kind[kind][:_SHOWN]:
            click.echo(printable(text(finding)))
        if len(by_kind[kind]) > _SHOWN:
            click.echo(f"… and {len(by_kind[kind]) - _SHOWN} more of {kind}; --json prints all")


def _line(finding: Finding) -> str:
    lines = [f"{finding.severity.value}\t{finding.kind}\t{finding.path}: {finding.message}"]
    lines += [f"\thurts {tag}" for tag in finding.tags[:_SHOWN]]
    return "\n".join([*lines, f"\t{finding.remedy}"])


def _sentence(findings: Sequence[Finding], repairable: frozenset[str]) -> str:
    """Return what was found, in one sentence with the remedy."""
    severities = Counter(finding.severity for finding in findings)
    parts = [f"{severities[s]} of {s.value}" for s in Severity if severities[s]]
    could = sum(finding.kind in repairable for finding in findings)
    helps = (
        f"'fsck --repair' may put {could} of them right"
        if could
        else "see docs/checking.md for what helps with each kind"
    )
    return f"{len(findings)} findings ({', '.join(parts)}); {helps}."
