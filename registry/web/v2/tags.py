"""Lists: the tags of an image, the images of a repository and of all repositories."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from registry.access.principals import Action
from registry.model.paging import Page, PageRequest
from registry.web.answers import json_answer
from registry.web.context import current, open_image
from registry.web.paging import link_next, page_request
from registry.web.routing import REPOSITORY_FORMS, Right, route
from registry.web.v2.base import blueprint


@route(blueprint, REPOSITORY_FORMS, "/<path:image>/tags/list", ["GET"], Right.PULL)
def list_tags(key: str, image: str) -> Response:
    """end-8: the tags in byte order, ``n`` after ``last``."""
    repository, name = open_image(key, image)
    repository.require(Action.READ, name)
    request_ = page_request()
    page = repository.tags(name, request_)
    address = current().address
    response = json_answer({"name": address.name(key, name), "tags": list(page.names)})
    if page.more:
        link_next(response, address.path(key, name, "tags/list"), request_, page.names)
    return response


@route(blueprint, ("/v2",), "/_catalog", ["GET"], Right.LOGIN)
def list_all_images() -> Response:
    """The catalog of everything the caller may read, named as in an image reference here."""
    request_ = page_request()
    page = current().directory.images(request_)
    return _catalog(page, request_, f"{current().address.prefix}/_catalog")


@route(
    blueprint,
    (
        "/artifactory/api/docker/<key>/v2",
        "/api/docker/<key>/v2",
        "/artifactory/api/docker/<key>",
        "/api/docker/<key>",
    ),
    "/_catalog",
    ["GET"],
    Right.LOGIN,
)
def list_images(key: str) -> Response:
    """The catalog of one repository; some clients leave the ``v2`` out."""
    request_ = page_request()
    page = current().directory.open(key).images(request_)
    address = current().address
    # Without v2 it is no form that a proxy maps to, so the path is the one that the client used.
    path = f"{address.prefix}/_catalog" if address.key is not None else request.path.rstrip("/")
    return _catalog(page, request_, path)


def _catalog(page: Page[Any], asked: PageRequest, path: str) -> Response:
    response = json_answer({"repositories": list(page.names)})
    if page.more:
        link_next(response, path, asked, page.names)
    return response
