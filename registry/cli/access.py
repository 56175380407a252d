"""``access``: why somebody may do something, or not."""

from __future__ import annotations

import click

from registry.cli.common import (
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)


@click.group()
def access() -> None:
    """Say why somebody may do something, or not."""


@access.command()
@click.argument("user")
@click.argument("action")
@click.argument("path", metavar="KEY/PATH")
@json_option
@storage_option
@click.pass_obj
@says_why
def explain(
    faces: Faces,
    user: str,
    action: str,
    path: str,
    as_json: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Say whether USER may do ACTION on KEY/PATH, and by which rules.

    ACTION is read, write, annotate, delete or manage; the path is an image, a tag (KEY/IMAGE:TAG),
    or a file. Lines with * are the rules that matched.
    """
    found = open_instance(faces, config_file, storage).explaining.explain(user, action, path)
    if as_json:
        print_json(found.document())
        return
    answer, question = found.answer, found.question
    word = "may" if answer.allowed else "may not"
    click.echo(
        f"'{question.principal.name}' {word} {question.action.value} "
        f"'{question.key}/{question.path}'."
    )
    for step in answer.steps:
        click.echo(f"  {'*' if step.matched else '-'} {step.rule}: {step.reason}")
    if answer.needed:
        click.echo(f"Needed: {answer.needed}.")
