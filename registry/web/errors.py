"""The one table from what went wrong to how HTTP says it.

Codes: OCI distribution specification, "Error Codes", and those that docker added. The Docker
dialect is ``{"errors":[{"code","message","detail"}]}``, Artifactory's
``{"errors":[{"status","message"}]}``, and that of its Access API as Docker's with a text as detail.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from registry.model import errors, upstream_errors
from registry.model.errors import RegistryError
from registry.web.answers import json_answer
from registry.web.authentication import challenge, speaks_docker

logger = logging.getLogger(__name__)

STATUSES: Final[Mapping[type[RegistryError], tuple[int, str]]] = {
    errors.AnswerUnacceptable: (406, "UNSUPPORTED"),
    errors.ApiKeyExists: (400, "UNSUPPORTED"),
    errors.AuthenticationRequired: (401, "UNAUTHORIZED"),
    errors.BlobUnknown: (404, "BLOB_UNKNOWN"),
    errors.BodyTooLarge: (413, "SIZE_INVALID"),
    errors.ChecksumMismatch: (409, "UNSUPPORTED"),
    errors.ContentUnknown: (404, "BLOB_UNKNOWN"),
    errors.CredentialsWrong: (401, "UNAUTHORIZED"),
    errors.Denied: (403, "DENIED"),
    errors.DigestInvalid: (400, "DIGEST_INVALID"),
    errors.DigestMismatch: (400, "DIGEST_INVALID"),
    errors.FieldInvalid: (400, "UNSUPPORTED"),
    errors.GroupExists: (409, "UNSUPPORTED"),
    errors.GroupInvalid: (400, "UNSUPPORTED"),
    errors.GroupUnknown: (404, "UNSUPPORTED"),
    errors.HistoryUnknown: (404, "MANIFEST_UNKNOWN"),
    errors.ImageUnknown: (404, "NAME_UNKNOWN"),
    errors.LocationInvalid: (400, "NAME_INVALID"),
    errors.ManifestDamaged: (500, "UNKNOWN"),
    errors.ManifestInvalid: (400, "MANIFEST_INVALID"),
    errors.ManifestPartsMissing: (404, "MANIFEST_BLOB_UNKNOWN"),
    errors.ManifestUnknown: (404, "MANIFEST_UNKNOWN"),
    errors.ManifestUnverified: (400, "MANIFEST_UNVERIFIED"),
    errors.MethodUnsupported: (405, "UNSUPPORTED"),
    errors.NameInvalid: (400, "NAME_INVALID"),
    errors.NothingToDo: (409, "UNSUPPORTED"),
    errors.OperationUnsupported: (405, "UNSUPPORTED"),
    errors.PageSizeInvalid: (400, "PAGINATION_NUMBER_INVALID"),
    errors.PathUnknown: (404, "NAME_UNKNOWN"),
    errors.PermissionExists: (409, "UNSUPPORTED"),
    errors.PermissionInvalid: (400, "UNSUPPORTED"),
    errors.PermissionUnknown: (404, "UNSUPPORTED"),
    errors.PropertiesUnknown: (404, "UNSUPPORTED"),
    errors.PropertyInvalid: (400, "UNSUPPORTED"),
    errors.QueryInvalid: (400, "UNSUPPORTED"),
    errors.RangeUnsatisfiable: (416, "RANGE_INVALID"),
    errors.ReferenceInvalid: (400, "NAME_INVALID"),
    errors.RepositoryExists: (400, "NAME_INVALID"),
    errors.RepositoryKeyInvalid: (400, "NAME_INVALID"),
    errors.RepositoryNotEmpty: (400, "UNSUPPORTED"),
    errors.RepositoryUnknown: (404, "NAME_UNKNOWN"),
    errors.RequestInvalid: (400, "UNSUPPORTED"),
    errors.RestoreConflict: (409, "UNSUPPORTED"),
    errors.RouteUnknown: (404, "NAME_UNKNOWN"),
    errors.ScopeInsufficient: (401, "UNAUTHORIZED"),
    errors.SettingInvalid: (500, "UNKNOWN"),
    errors.SizeInvalid: (400, "SIZE_INVALID"),
    errors.StorageFailed: (500, "UNKNOWN"),
    errors.StorageFull: (507, "UNKNOWN"),
    errors.StoragePruning: (409, "UNSUPPORTED"),
    errors.StorageReadOnly: (503, "UNAVAILABLE"),
    errors.StorageUnusable: (503, "UNAVAILABLE"),
    errors.TagImmutable: (403, "DENIED"),
    errors.TagInvalid: (400, "TAG_INVALID"),
    errors.TokenInvalid: (401, "UNAUTHORIZED"),
    errors.TokenUnknown: (404, "UNSUPPORTED"),
    errors.TooManyAttempts: (429, "TOOMANYREQUESTS"),
    errors.TooManyTags: (414, "TAG_INVALID"),
    errors.TrashUnknown: (404, "MANIFEST_UNKNOWN"),
    errors.UploadInvalid: (400, "BLOB_UPLOAD_INVALID"),
    errors.UploadRangeInvalid: (416, "RANGE_INVALID"),
    errors.UploadUnknown: (404, "BLOB_UPLOAD_UNKNOWN"),
    upstream_errors.UpstreamError: (502, "UNAVAILABLE"),
    upstream_errors.UpstreamFailed: (502, "UNAVAILABLE"),
    upstream_errors.UpstreamLimited: (429, "TOOMANYREQUESTS"),
    upstream_errors.UpstreamRefused: (404, "MANIFEST_UNKNOWN"),
    upstream_errors.UpstreamUnavailable: (404, "MANIFEST_UNKNOWN"),
    errors.UserExists: (409, "UNSUPPORTED"),
    errors.UserInvalid: (400, "UNSUPPORTED"),
    errors.UserUnknown: (404, "UNSUPPORTED"),
}
"""Every error class to its status and code; a test finds a class that is missing."""

_OAUTH: Final = "/api/security/token"
"""Where errors have the form of OAuth2, for whoever asks for a token."""
_ACCESS: Final = ("/access/", "/artifactory/access/")
"""The prefixes of the Access API."""
_UNKNOWN_NAME: Final = (
    "nothing is served under this path; an image is named <repository key>/<image>, for example "
    "docker-local/team/app"
)
_DISK: Final = errors.StorageFailed("the storage folder cannot be read or written")
_INTERNAL: Final = errors.StorageFailed("the server met an unexpected condition; its log says more")


def install(app: Flask) -> None:
    """Let the application answer every error from the table."""
    app.register_error_handler(RegistryError, respond)
    app.register_error_handler(HTTPException, _respond_http)
    app.register_error_handler(OSError, _respond_disk)
    app.register_error_handler(Exception, _respond_defect)


def respond(error: RegistryError) -> Response:
    """Return the answer to an error, in the dialect of the path that was asked."""
    status, code = STATUSES[type(error)]
    if request.method == "POST" and request.path.rstrip("/").endswith(_OAUTH):
        return _finished(json_answer(_as_oauth(error, status), status), error, status)
    entries: list[dict[str, object]]
    if request.path.startswith(_ACCESS):
        entries = [{"code": code, "message": error.message, "detail": ""}]
    elif speaks_docker(request.path):
        details: Sequence[object] = error.details or [None]
        entries = [{"code": code, "message": error.message, "detail": detail} for detail in details]
    else:
        entries = [{"status": status, "message": error.message}]
    return _finished(json_answer({"errors": entries}, status), error, status)


def _as_oauth(error: RegistryError, status: int) -> Mapping[str, str]:
    """Return an error as OAuth2 says it (RFC 6749, 5.2)."""
    words = {401: "invalid_client", 403: "access_denied"}
    known = words.get(status, "invalid_request" if status < 500 else "server_error")
    return {"error": known, "error_description": error.message}


def _finished(response: Response, error: RegistryError, status: int) -> Response:
    """Return an answer with the headers that go with its error."""
    if status == 401 and "call" in g:
        response.headers["WWW-Authenticate"] = challenge(g.call, error)
    if isinstance(error, (errors.TooManyAttempts, upstream_errors.UpstreamLimited)):
        response.headers["Retry-After"] = str(error.seconds)
    if isinstance(error, errors.UploadRangeInvalid):
        response.headers["Range"] = f"0-{max(error.size - 1, 0)}"
        arguments = request.view_args or {}
        rest = f"blobs/uploads/{arguments.get('upload_id')}"
        response.headers["Location"] = g.call.address.path(
            arguments.get("key"), arguments.get("image"), rest
        )
    if isinstance(error, errors.RangeUnsatisfiable):
        response.headers["Content-Range"] = f"bytes */{error.size}"
    return response


def _respond_http(error: HTTPException) -> Response:
    """Answer what the framework refused: unknown paths, methods, malformed requests."""
    docker = speaks_docker(request.path)
    if isinstance(error, MethodNotAllowed):
        response = respond(errors.MethodUnsupported("the method is not supported here"))
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response
    if error.code == 404:
        return respond(errors.RouteUnknown(_UNKNOWN_NAME if docker else "nothing is served here"))
    if error.code == 413:
        return respond(errors.BodyTooLarge("the body is too large"))
    if error.code is not None and error.code < 500:
        return respond(errors.RequestInvalid(error.description or "the request is malformed"))
    return _respond_defect(error)


def _respond_disk(error: OSError) -> Response:
    """Answer a failure of the disk where the storage room was only looking.

    That a name is there, or is not, is an answer; whoever lets it escape has forgotten a case.
    """
    if isinstance(error, (FileNotFoundError, FileExistsError)):
        return _respond_defect(error)
    logger.error("storage failed on %s %s: %s", request.method, request.path, error)
    return respond(_DISK)


def _respond_defect(error: Exception) -> Response:
    """Answer a defect of ours: the log gets the traceback, the client a sentence."""
    logger.error("unexpected error on %s %s", request.method, request.path, exc_info=error)
    return respond(_INTERNAL)
