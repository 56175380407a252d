"""Uploads: every way in which a blob can come in."""

from __future__ import annotations

from contextlib import closing

from flask import Response, request

from registry.access.principals import Action
from registry.model.content import UploadState
from registry.model.digests import DEFAULT_ALGORITHM, Digest, parse_algorithm
from registry.model.errors import BlobUnknown, DigestInvalid, SizeInvalid
from registry.model.names import ImageName
from registry.repositories.guarded import GuardedRepository
from registry.storage.upload_writer import UploadWriter
from registry.web.answers import Answer
from registry.web.context import current, open_image
from registry.web.receiving import announced_length, content_range, has_received, receive
from registry.web.routing import REPOSITORY_FORMS, Right, route
from registry.web.v2.base import blueprint

_RULE = "/<path:image>/blobs/uploads/"
_SESSION = "/<path:image>/blobs/uploads/<upload_id>"


@route(blueprint, REPOSITORY_FORMS, _RULE, ["POST"], Right.PUSH)
def start_upload(key: str, image: str) -> Response:
    """end-4a, 4b, 4c and 11: begin an upload, take a whole blob, or mount one."""
    repository, name = open_image(key, image)
    repository.require(Action.WRITE, name)
    if "mount" in request.args:
        mounted = _mount(repository, name, Digest.parse(request.args["mount"]))
        if mounted is not None:
            return _created(repository, name, mounted)
    elif "digest" in request.args:
        return _take_whole(repository, name, Digest.parse(request.args["digest"]))
    algorithm = parse_algorithm(request.args.get("digest-algorithm", DEFAULT_ALGORITHM))
    return _accepted(repository, name, repository.start_upload(name, algorithm))


def _mount(repository: GuardedRepository, image: ImageName, digest: Digest) -> Digest | None:
    """Return the digest if the blob could be mounted; otherwise the client uploads it."""
    call = current()
    source = request.args.get("from", "")
    if source and call.address.key is not None:
        source = f"{repository.key}/{source}"
    try:
        if source:
            key, _, name = source.partition("/")
            blob = call.directory.mount_source(key, name, digest)
        else:
            blob = call.directory.find_blob(digest, repository)
        repository.mount_blob(image, blob)
    except BlobUnknown:
        return None
    return digest


def _take_whole(repository: GuardedRepository, image: ImageName, digest: Digest) -> Response:
    """Take the body as the whole blob; nothing of a refused one is kept."""
    length = announced_length()
    opened = receive(lambda: repository.open_whole_upload(image, digest.algorithm, length))
    with closing(opened) as writer:
        repository.finish_upload(image, writer, digest)
    return _created(repository, image, digest)


@route(blueprint, REPOSITORY_FORMS, _SESSION, ["GET"], Right.PUSH)
def get_upload(key: str, image: str, upload_id: str) -> Response:
    """end-13: how far the upload is."""
    repository, name = open_image(key, image)
    return _progress(repository, name, repository.upload(name, upload_id), 204)


@route(blueprint, REPOSITORY_FORMS, _SESSION, ["PATCH"], Right.PUSH)
def append_upload(key: str, image: str, upload_id: str) -> Response:
    """end-5: append the body, streamed or as the chunk that Content-Range says."""
    repository, name = open_image(key, image)
    repository.require(Action.WRITE, name)
    with closing(_receive_chunk(repository, name, upload_id)) as writer:
        return _accepted(repository, name, repository.settle_upload(name, writer))


@route(blueprint, REPOSITORY_FORMS, _SESSION, ["PUT"], Right.PUSH)
def finish_upload(key: str, image: str, upload_id: str) -> Response:
    """end-6: append the body, if there is one, and make the upload a blob."""
    repository, name = open_image(key, image)
    repository.require(Action.WRITE, name)
    if "digest" not in request.args:
        raise DigestInvalid("the closing request of an upload names the 'digest'")
    digest = Digest.parse(request.args["digest"])
    with closing(_receive_chunk(repository, name, upload_id)) as writer:
        repository.finish_upload(name, writer, digest)
    return _created(repository, name, digest)


@route(blueprint, REPOSITORY_FORMS, _SESSION, ["DELETE"], Right.PUSH)
def cancel_upload(key: str, image: str, upload_id: str) -> Response:
    """end-14: forget the upload."""
    repository, name = open_image(key, image)
    repository.cancel_upload(name, upload_id)
    return Answer(204)


def _receive_chunk(repository: GuardedRepository, image: ImageName, upload_id: str) -> UploadWriter:
    """Return the writer of the upload with the body appended.

    Raises:
        SizeInvalid: the body is not as long as Content-Range says; nothing of it is kept.
    """
    chunk = content_range()
    promised = None if chunk is None else chunk[1] - chunk[0] + 1
    length = announced_length()
    if promised is not None and length not in (None, promised) and not has_received():
        raise SizeInvalid(f"Content-Range says {promised} bytes, Content-Length {length}")
    writer = receive(
        lambda: repository.open_upload(
            image, upload_id, start=None if chunk is None else chunk[0], length=length
        )
    )
    if promised is not None and writer.size - writer.started_at != promised:
        writer.undo()
        writer.close()
        raise SizeInvalid(f"Content-Range says {promised} bytes, the body has another length")
    return writer


def _accepted(repository: GuardedRepository, image: ImageName, state: UploadState) -> Response:
    return _progress(repository, image, state, 202)


def _progress(
    repository: GuardedRepository, image: ImageName, state: UploadState, status: int
) -> Response:
    path = current().address.path(repository.key, image, f"blobs/uploads/{state.id}")
    return Answer(
        status,
        [
            ("Location", path),
            ("Range", f"0-{max(state.size - 1, 0)}"),
            ("Docker-Upload-UUID", state.id),
        ],
    )


def _created(repository: GuardedRepository, image: ImageName, digest: Digest) -> Response:
    path = current().address.path(repository.key, image, f"blobs/{digest}")
    return Answer(201, [("Location", path), ("Docker-Content-Digest", digest)])
