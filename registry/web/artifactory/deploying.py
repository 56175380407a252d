"""Deploying by path: folders, layers and manifests, with their bytes or by a checksum alone.

Source: Artifactory's REST API, "Deploy Artifact", "Deploy Artifact by Checksum", "Create
Directory".
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Final

from flask import Response, request

from registry.access.principals import Action
from registry.model.errors import LocationInvalid, PathUnknown, RequestInvalid
from registry.model.items import Item
from registry.model.manifests import MANIFEST_LIMIT
from registry.model.property_language import PropertyChange
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_items import GuardedItems
from registry.services.deploying import Target, parse_target, stated_checksums
from registry.web.answers import Answer, json_answer
from registry.web.artifactory import item_answers
from registry.web.artifactory.content import ABOVE, RULE, blueprint
from registry.web.artifactory.locations import Pointed, pointed
from registry.web.context import current
from registry.web.receiving import announced_length, receive, receive_bytes
from registry.web.routing import FORMS, Right, route

_CREATED: Final = "application/vnd.org.jfrog.artifactory.storage.ItemCreated+json"
_EXPLODING: Final = ("X-Explode-Archive", "X-Explode-Archive-Atomic")


@route(blueprint, FORMS, RULE, ["PUT"], Right.PUSH)
def deploy(key: str, path: str) -> Response:
    """Deploy a file, or make a folder where the path ends in a slash."""
    directory, place = current().directory, pointed(ABOVE)
    repository, tree = directory.open(key), directory.items(key)
    if any(request.headers.get(name, "false").lower() == "true" for name in _EXPLODING):
        raise RequestInvalid("archives are not taken apart here; deploy the files one by one")
    if place.is_folder:
        return _make_folder(tree, place)
    target = parse_target(place.location)
    repository.require(Action.WRITE, target.image, target.reference)
    if place.parameters:
        repository.require(Action.ANNOTATE, target.image, target.reference)
    _store(repository, target, stated_checksums(request.headers.get))
    return _created(tree, place, target)


def _make_folder(tree: GuardedItems, place: Pointed) -> Response:
    """Make a folder; with properties that is how some clients set these on what is there."""
    try:
        item = tree.item(place.location)
    except PathUnknown:
        item = tree.make_folder(place.location)
    if not item.is_folder and not place.parameters:
        raise LocationInvalid("there is a file of that name")
    if place.parameters:
        tree.change_properties(item, PropertyChange(place.parameters), recursive=False)
    names = tree.names(item) if item.is_folder else []
    return json_answer(item_answers.folder_info(tree.key, item, names), 201, _CREATED)


def _store(repository: GuardedRepository, target: Target, stated: Mapping[str, str]) -> None:
    deploying = current().instance.deploying
    if request.headers.get("X-Checksum-Deploy", "false").lower() == "true":
        blob = deploying.known_content(current().directory, repository, stated)
        if not target.is_manifest:
            deploying.mount(repository, target, blob)
            return
        if blob.size > MANIFEST_LIMIT:
            raise LocationInvalid("the content with this checksum is no manifest")
        with open(blob.path, "rb") as file:
            deploying.manifest(repository, target, file.read(), stated)
    elif target.digest is None:
        deploying.manifest(repository, target, receive_bytes(MANIFEST_LIMIT), stated)
    else:
        image, algorithm, length = target.image, target.digest.algorithm, announced_length()
        opened = receive(lambda: repository.open_whole_upload(image, algorithm, length))
        with closing(opened) as writer:
            deploying.finish(repository, target, writer, stated)


def _created(tree: GuardedItems, place: Pointed, target: Target) -> Response:
    """Return what has been deployed; a layer may lie in an image whose manifest is to come."""
    try:
        item = _find(tree, place, target)
    except PathUnknown:
        return Answer(201)
    if place.parameters:
        tree.change_properties(item, PropertyChange(place.parameters), recursive=False)
    document = item_answers.file_info(tree.key, item)
    document |= {"originalChecksums": _original(document["checksums"])}
    answer = json_answer(document, 201, _CREATED)
    answer.headers["Location"] = document["downloadUri"]
    return answer


def _find(tree: GuardedItems, place: Pointed, target: Target) -> Item:
    """Return the deployed file; an index has the name of its kind, whatever it was called."""
    if not target.is_manifest:
        return tree.item(place.location)
    folder = tree.item(place.location.rpartition("/")[0])
    return tree.manifest_of(folder)


def _original(checksums: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums that the client stated itself."""
    stated = stated_checksums(request.headers.get)
    return {name: value for name, value in checksums.items() if name in stated} or {
        "sha256": checksums["sha256"]
    }
