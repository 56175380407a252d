"""``scrub``: read all content again, and take away what is damaged."""

from __future__ import annotations

import re
import sys
from typing import Any, Final

import click

from registry.cli.common import (
    Faces,
    json_option,
    load_settings,
    print_json,
    says_why,
    storage_option,
)
from registry.services.scrubbing import ScrubOptions, ScrubReport

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_RATE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([kmg]?)b?(?:/s)?", re.IGNORECASE)
_TIMES: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_TIME: Final = re.compile(r"([0-9]{1,7})([smh]?)")


class _Rate(click.ParamType[float]):
    """Bytes a second: ``50MB/s``, ``1.5G``, ``0``."""

    name = "rate"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the number of bytes."""
        match = _RATE.fullmatch(str(value))
        if match is None:
            self.fail(f"'{value}' is no rate; write 50MB/s, or 0 for no bound", param, ctx)
        return float(match[1]) * _UNITS[match[2].lower()]


class _Time(click.ParamType[float]):
    """A time: ``90s``, ``30m``, ``2h``."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the number of seconds."""
        match = _TIME.fullmatch(str(value))
        if match is None:
            self.fail(f"'{value}' is no time; write 90s, 30m or 2h", param, ctx)
        return float(match[1]) * _TIMES[match[2]]


@click.command()
@click.option(
    "--rate", type=_Rate(), default="100MB/s", show_default=True,
    help="How much is read in a second, at most; 0: as fast as the disk can.",
)  # fmt: skip
@click.option(
    "--max-time", "most_seconds", type=_Time(),
    help="Stop after this time, such as 2h; the next scrub goes on from there.",
)  # fmt: skip
@click.option("--restart", is_flag=True, help="Begin anew, and do not go on where a scrub stopped.")
@json_option
@storage_option
@click.pass_obj
@says_why
def scrub(
    faces: Faces,
    rate: float,
    most_seconds: float | None,
    restart: bool,
    as_json: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Read all content again, and take away what is damaged.

    What has other bytes than its digest says goes to quarantine/, and images do not show it any
    more, so that the next push of it is not skipped; then every tag is whole again. The server may
    go on running. Exits with 1 if something was damaged.
    """
    instance = faces.build(load_settings(config_file, storage))
    shown = sys.stderr.isatty() and not as_json
    last = -1

    def progress(done: int, total: int) -> None:
        nonlocal last
        percent = 100 * done // max(total, 1)
        if shown and percent != last:
            last = percent
            click.echo(f"\r\033[K{percent} % of {total} bytes", err=True, nl=False)

    report = instance.scrubbing.run(ScrubOptions(rate, most_seconds, restart), progress)
    if shown:
        click.echo("\r\033[K", err=True, nl=False)
    if as_json:
        print_json(report.document())
    else:
        _tell(report)
    if not report.is_clean:
        click.echo(f"Error: {_sentence(report)}", err=True)
        sys.exit(1)


def _tell(report: ScrubReport) -> None:
    for found in report.damaged:
        click.echo(f"damaged\t{found.digest}: has the bytes of {found.computed}")
        for tag in found.tags:
            click.echo(f"\thurts {tag}")
    for path in report.unreadable:
        click.echo(f"unreadable\t{path}")
    if report.healed:
        click.echo(f"{report.healed} damaged contents had been pushed again, and are whole.")
    end = "all content" if report.complete else "stopped; the next scrub goes on"
    click.echo(f"{report.files} files, {report.bytes} bytes read: {end}.")


def _sentence(report: ScrubReport) -> str:
    """Return what was found, in one sentence with the remedy."""
    tags = len({tag for found in report.damaged for tag in found.tags})
    parts = []
    if report.damaged:
        parts.append(
            f"{len(report.damaged)} damaged contents are in quarantine and {tags} tags do not pull "
            "completely; push each content once again"
        )
    if report.unreadable:
        parts.append(f"{len(report.unreadable)} files cannot be read; check the disk")
    return f"{'; '.join(parts)}."
