"""``retention``: what the rules of repositories delete, and deleting it."""

from __future__ import annotations

import datetime
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
from registry.model.names import RepositoryKey
from registry.model.retention_rules import Rule, parse_rules
from registry.services.instance import Instance
from registry.services.regret import Regretted, Replay
from registry.services.retention import TagDecision
from registry.storage.journal import now, timestamp


@click.command()
@click.argument("keys", nargs=-1, metavar="[KEY...]")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--rules", metavar="RULES", help="With --dry-run: try these instead.")
@json_option
@storage_option
@click.pass_obj
@says_why
def retention(
    faces: Faces,
    keys: tuple[str, ...],
    dry_run: bool,
    rules: str | None,
    as_json: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Delete the tags that the rules of these repositories, or of all, say.

    A running server does this by itself. What is deleted goes to the trash. With --dry-run every
    tag is listed with the rule that decides, then how many bytes would come back, and then what
    the same rules would have deleted in the past that somebody pulled afterwards.
    """
    if rules is not None and not dry_run:
        raise click.UsageError(
            "--rules goes with --dry-run; 'repo set KEY retention=RULES' sets them"
        )
    instance = open_instance(faces, config_file, storage)
    parsed = [RepositoryKey.parse(key) for key in keys]
    if dry_run:
        _try(instance, parsed, None if rules is None else parse_rules(rules), as_json=as_json)
    else:
        _run(instance, parsed, as_json=as_json)


def _run(instance: Instance, keys: list[RepositoryKey], *, as_json: bool) -> None:
    report = instance.retention.run(now(), keys)
    if as_json:
        deleted = [_document(found) for found in report.deleted]
        print_json({"deleted": deleted, "kept": report.kept, "failed": report.failed})
    else:
        for found in report.deleted:
            click.echo(_line(found))
        click.echo(f"Deleted {len(report.deleted)} tags; {report.kept} stay.")
    if report.failed:
        more = f", and {len(report.failed) - 1} more" if len(report.failed) > 1 else ""
        click.echo(f"Error: {report.failed[0]}{more}", err=True)
        sys.exit(1)


def _try(
    instance: Instance, keys: list[RepositoryKey], rules: list[Rule] | None, *, as_json: bool
) -> None:
    moment = now()
    decisions = list(instance.retention.plan(moment, keys, rules))
    going = [found for found in decisions if found.decision.goes]
    freed = instance.retention.freed(going)
    replay = instance.regret.replay(moment, keys, rules)
    if as_json:
        document = {"tags": [_document(found) for found in decisions], "freedBytes": freed}
        print_json(document | {"replay": _replay_document(replay)})
        return
    for found in decisions:
        click.echo(_line(found))
    size = "" if freed is None else f"; {freed} bytes would come back"
    click.echo(
        f"{len(going)} tags would be deleted, {len(decisions) - len(going)} would stay{size}."
    )
    _tell(replay)


def _line(found: TagDecision) -> str:
    verb = "delete" if found.decision.goes else "keep  "
    pushed = f"pushed {_day(found.decision.state.pushed)}"
    pulled = f"pulled {_day(found.pulled)}" if found.pulled else "never pulled"
    return f"{verb}  {found.name}  [{found.decision.rule}]  {pushed}, {pulled}"


def _day(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d}"


def _document(found: TagDecision) -> dict[str, object]:
    state = found.decision.state
    return {
        "name": found.name,
        "delete": found.decision.goes,
        "rule": found.decision.rule,
        "digest": state.digest,
        "pushed": timestamp(state.pushed),
        "pulled": timestamp(found.pulled) if found.pulled else None,
    }


def _tell(replay: Replay) -> None:
    if replay.since is None:
        click.echo("No pulls are recorded yet, so the rules could not be tried on the past.")
        return
    click.echo(
        f"Tried on the past since {_day(replay.since)}, the rules would have deleted "
        f"{replay.deleted} tags; of these, {len(replay.regretted)} were pulled later"
        + (":" if replay.regretted else ".")
    )
    for found in replay.regretted:
        times = "once" if found.pulls == 1 else f"{found.pulls} times, the last"
        click.echo(
            f"  {found.name} {times} on {_day(found.pulled)} by {found.principal}; deleted on "
            f"{_day(found.gone)} [{found.rule}]"
        )


def _replay_document(replay: Replay) -> dict[str, object]:
    return {
        "since": timestamp(replay.since) if replay.since else None,
        "deleted": replay.deleted,
        "regretted": [_regretted(found) for found in replay.regretted],
    }


def _regretted(found: Regretted) -> dict[str, object]:
    return {
        "name": found.name,
        "deleted": timestamp(found.gone),
        "rule": found.rule,
        "pulls": found.pulls,
        "lastPulled": timestamp(found.pulled),
        "lastPulledBy": found.principal,
    }
