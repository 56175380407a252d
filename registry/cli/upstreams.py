"""``repo upstreams``: how the upstream registries of remote repositories do, and what is left."""

from __future__ import annotations

import datetime
import time
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
from registry.model.allowance import Allowance
from registry.model.names import RepositoryKey
from registry.services.upstreams import State, UpstreamState

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@click.command()
@click.argument("key", required=False)
@json_option
@storage_option
@click.pass_obj
@says_why
def upstreams(
    faces: Faces, key: str | None, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """Say how the upstream registries of all remote repositories do, or that of KEY.

    A line each: key, address, state, last answer, and how many pulls upstream leaves us. It is what
    all workers have last heard; nobody is asked.
    """
    states = open_instance(faces, config_file, storage).upstream_states
    found = states.all() if key is None else [states.one(RepositoryKey.parse(key))]
    if as_json:
        print_json([one.document(to_admin=True) for one in found])
        return
    if not found:
        click.echo("There are no remote repositories.")
    for one in found:
        click.echo(_line(one, time.time()))


def _line(one: UpstreamState, now: float) -> str:
    condition = one.condition
    answered = condition.answered
    last = "no answer yet" if answered is None else f"answered {_ago(now - answered)}"
    cells = [one.key, one.url, _state(one), last]
    if condition.allowance is not None:
        cells.append(_allowance(condition.allowance, now))
    return "\t".join(cells)


def _state(one: UpstreamState) -> str:
    pause, failed = one.condition.pause, one.condition.failed
    if one.state is State.PAUSED and pause is not None:
        until = datetime.datetime.fromtimestamp(pause.until, datetime.UTC)
        return f"paused until {until:%Y-%m-%d %H:%M:%S} UTC: {pause.cause}"
    if one.state is State.FAILS and failed is not None:
        return f"fails: {failed.cause}"
    return str(one.state)


def _allowance(allowance: Allowance, now: float) -> str:
    amount = "?" if allowance.remaining is None else str(allowance.remaining)
    if allowance.limit is not None:
        amount += f" of {allowance.limit}"
    if allowance.window:
        amount += f" in {_length(allowance.window)}"
    return f"{amount} (seen {_ago(now - allowance.seen_at)})"


def _ago(seconds: float) -> str:
    return "now" if seconds < 1 else f"{_length(int(seconds))} ago"


def _length(seconds: int) -> str:
    """Return a span in its largest unit, and no more exactly."""
    for name, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length} {name}"
    return "0 s"
