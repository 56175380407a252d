"""What an observer sees of a registry: names and what they stand for, and whether all is whole."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator

from registry.access import passwords
from registry.model.digests import Digest
from registry.model.manifests import parse_manifest
from registry.model.names import ImageName, Reference
from registry.repositories.base import Repository
from registry.services.instance import Instance
from registry.storage.deletions import Deletion
from registry.storage.layout import DEFINITION_FILE, content_name, parse_content_name
from registry.storage.manifest_files import Place, listed, read_manifest
from tests.repositories.pushing import check_manifest, check_manifest_by_digest, check_whole

PASSWORDS = ("password-admin", "password-old", "password-new")
"""All passwords that anybody has here."""

State = dict[str, str]
"""What can be seen, by name; two states with the same entries look the same to everybody."""


def view(instance: Instance) -> State:
    """Return all that can be seen of a registry. What is made up each time is not shown."""
    seen = {f"format {instance.store.layout.format_file().rpartition('/')[2]}": "there"}
    if not os.path.exists(instance.store.layout.format_file()):
        seen = {}
    for user in instance.users.all():
        known = [word for word in PASSWORDS if passwords.verify_password(word, user.password_hash)]
        seen[f"user {user.name}"] = f"admin={user.admin} password={known}"
    if instance.store.documents.read(instance.store.layout.keys()) is not None:
        seen["signing keys"] = str(len(instance.keys.current()))
    for definition in instance.definitions.all():
        seen[f"repository {definition.key}"] = json.dumps(definition.document())
    for definition in instance.definitions.holding():
        repository = instance.directory.unguarded_repository(definition.key)
        for image in images(instance, repository):
            seen.update(_image(instance, repository, Place(definition.key, image)))
    for entry in deleted(instance):
        folder = instance.store.trash.path(entry)
        # A folder that lost its repository is kept there as well, but not as something deleted.
        if not entry.is_repository or os.path.exists(f"{folder}/{DEFINITION_FILE}"):
            where = _name(entry.repository, entry.image, entry.reference)
            seen[f"trash {where}"] = str(entry.digest or "there")
    return seen


def _name(key: str, image: str | None, reference: Reference | None) -> str:
    if image is None:
        return f"repository {key}"
    kind = "digest" if isinstance(reference, Digest) else "tag"
    return f"{kind} {key}/{image}:{reference}"


def deleted(instance: Instance) -> list[Deletion]:
    """Return the entries of the trash, and those whose deletion the pruner would finish."""
    trash = instance.store.trash
    return [*trash.entries(), *trash.entries(staged=True)]


def lost(seen: State, before: State, after: State) -> list[str]:
    """Return what has vanished, should be in the trash, and is not there."""
    return [
        f"{name} is gone, and not in the trash"
        for name in sorted(before.keys() - seen.keys())
        if f"trash {name}" in after.keys() - seen.keys()
    ]


def images(instance: Instance, repository: Repository) -> list[ImageName]:
    """Return the images of a repository, those included that have blobs and no manifest."""
    walk = instance.store.catalog.walk(
        repository.key,
        has=lambda folder: (
            os.path.isdir(f"{folder}/_layers") or os.path.isdir(f"{folder}/_manifests")
        ),
    )
    return list(walk)


def contents(folder: str) -> Iterator[Digest]:
    """Yield the digests that the names in a folder spell; a folder that is missing has none."""
    for name in listed(folder):
        digest = parse_content_name(name)
        if digest is not None:
            yield digest


def _image(instance: Instance, repository: Repository, place: Place) -> State:
    seen, layout = {}, instance.store.layout
    name = f"{place.key}/{place.image}"
    for reference in instance.store.manifests.folders(place):
        stored = repository.manifest(place.image, reference)
        seen[_name(place.key, place.image, reference)] = str(stored.digest)
    for digest in contents(layout.layers(place.key, place.image)):
        seen[f"blob {name}@{digest}"] = str(repository.blob(place.image, digest).size)
    for digest in contents(layout.manifests(place.key, place.image)):
        seen[f"manifest {name}@{digest}"] = repository.manifest(place.image, digest).media_type
        referrers = [str(found.digest) for found in repository.referrers(place.image, digest)]
        if referrers:
            seen[f"referrers {name}@{digest}"] = " ".join(referrers)
    return seen


def check(instance: Instance) -> None:
    """Assert that all that can be seen is whole, and that secrets are for the server alone."""
    _check_images(instance)
    for entry in deleted(instance):
        if not entry.is_repository:
            _check_trash(instance.store.trash.path(entry), entry)
    _check_files(instance)


def _check_images(instance: Instance) -> None:
    store, layout = instance.store, instance.store.layout
    for definition in instance.definitions.holding():
        repository = instance.directory.unguarded_repository(definition.key)
        check_whole(store, repository)
        for image in images(instance, repository):
            place = Place(definition.key, image)
            # An image without any manifest by digest is in no list, but its tags could be pulled.
            for reference in store.manifests.folders(place):
                check_manifest(store, repository, place, reference)
            for digest in contents(layout.manifests(place.key, image)):
                check_manifest_by_digest(store, repository, place, digest)
            for digest in contents(layout.layers(place.key, image)):
                with open(repository.blob(image, digest).path, "rb") as file:
                    assert Digest.of(file.read()) == digest, f"blob {place} {digest} is damaged"


def _check_trash(folder: str, entry: Deletion) -> None:
    """Assert that an entry has the manifest that it says, and all that this needs beside it."""
    body = read_manifest(folder)
    assert body is not None, f"{folder} has no manifest"
    assert Digest.of(body) == entry.digest, f"{folder} has another manifest than it says"
    for part in parse_manifest(body).blobs:
        with open(f"{folder}/{content_name(part.digest)}", "rb") as file:
            assert Digest.of(file.read()) == part.digest, f"{folder} has a damaged layer"


def _check_files(instance: Instance) -> None:
    layout = instance.store.layout
    secrets = [layout.user(user.name) for user in instance.users.all()]
    for path in (*secrets, layout.keys()):
        if os.path.exists(path):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, f"{path} can be read by others"
    for name in listed(layout.top("journal")):
        with open(f"{layout.top('journal')}/{name}", "rb") as file:
            for line in file:
                assert line.endswith(b"\n"), f"a torn line in the journal: {line!r}"
                # An empty line divides what came after a failed write from what that has left.
                assert line == b"\n" or isinstance(json.loads(line), dict)


def differences(state: State, expected: State) -> list[str]:
    """Return in what ``state`` is not ``expected``."""
    return [
        f"{name}: {state.get(name)}, not {expected.get(name)}"
        for name in sorted(state.keys() | expected.keys())
        if state.get(name) != expected.get(name)
    ]


def neither(state: State, before: State, after: State) -> list[str]:
    """Return what is neither as before nor as after; what did not change must be as it was."""
    return [
        f"{name}: {state.get(name)}, neither {before.get(name)} nor {after.get(name)}"
        for name in sorted(state.keys() | before.keys() | after.keys())
        if state.get(name) not in (before.get(name), after.get(name))
    ]
