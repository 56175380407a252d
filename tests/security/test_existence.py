"""A2, A10, A11: what is there looks like what is not there, to whoever may not know of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from tests.conftest import basic
from tests.http.support import KEY
from tests.security.matrix_expected import Outcome
from tests.security.matrix_rows import Kind
from tests.security.matrix_server import WAYS, Matrix
from tests.security.matrix_wire import Answer
from tests.security.matrix_world import FAR, FAR_IMAGE, IMAGE, KINDS, PASSWORD, TAG, Caller, state

STRANGERS = ("anonymous", "stranger", "token for another repository")

OF_IMAGES = {Kind.PULL, Kind.PUSH, Kind.MOVE, Kind.ANNOTATE, Kind.DELETE}

every_way = pytest.mark.parametrize("way", WAYS)


@every_way
@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a2_repositories_of_any_kind_are_unknown_to_strangers(
    matrix: Matrix, name: str, kind: str, way: str
) -> None:
    caller = matrix.world.callers[name]
    outcome = Outcome.WHO if name == "anonymous" else Outcome.UNKNOWN
    wrong = []
    for case in matrix.of(caller, outcome):
        if not case.mentions(KEY) or case.kind is Kind.TARGET or not case.is_first_form:
            continue
        answer = matrix.ask(way, case.filled({KEY: KINDS[kind]}), caller)
        answer = answer.about({KINDS[kind]: KEY})
        absent = matrix.ask_absent(way, case, caller)
        if answer != absent:
            wrong.append(f"{case}: {answer.status} {answer.body!r}, not {absent.body!r}")
    assert not wrong, "\n".join(wrong)


@every_way
def test_a10_images_beside_those_that_may_be_read_look_like_none(matrix: Matrix, way: str) -> None:
    authorization = {"Authorization": basic("neighbour", PASSWORD)}
    neighbour = Caller("neighbour", "reader", authorization)
    other = "team/abc"
    before, wrong, seen = state(matrix.storage), [], set()
    for case in matrix.cases:
        if case.kind not in OF_IMAGES or not case.mentions(IMAGE):
            continue
        answer = matrix.ask(way, case, neighbour)
        absent = matrix.ask(way, case.filled({IMAGE: other}), neighbour).about({other: IMAGE})
        seen.add(case.kind)
        if answer != absent or answer.status not in (403, 404):
            wrong.append(f"{case}: {answer.status} {answer.body!r}, not {absent.body!r}")
    assert not wrong, "\n".join(wrong)
    assert seen == OF_IMAGES
    assert state(matrix.storage) == before


def crossings() -> Iterator[tuple[str, str, object]]:
    """Requests that name a repository of the stranger's, and another one, either way round."""
    promotion = {"dockerRepository": FAR_IMAGE, "tag": TAG, "copy": True, "targetRepo": KEY}
    for copy in (True, False):
        yield f"POST /v2/{FAR}/promote", "promote to", {**promotion, "copy": copy}
    back = {**promotion, "targetRepo": FAR, "dockerRepository": IMAGE}
    yield f"POST /v2/{KEY}/promote", "promote from", back
    for verb in ("copy", "move"):
        yield f"POST /api/{verb}/{FAR}/{FAR_IMAGE}/{TAG}?to=/{KEY}/{FAR_IMAGE}/2.0", verb, None
        yield f"POST /api/{verb}/{KEY}/{IMAGE}/{TAG}?to=/{FAR}/{IMAGE}/2.0", f"{verb} from", None
    yield f"GET /api/docker/search?repos={KEY}", "packages", None
    yield f"GET /api/search/artifact?name=manifest.json&repos={KEY}", "search", None
    yield f"GET /api/repositories/existence?key={KEY}", "existence", None
    yield f"GET /api/v2/repositories/batch?names={KEY}", "batch", None
    yield f"GET /v2/token?scope=repository:{KEY}/{IMAGE}:pull", "token", None
    find = f'items.find({{"repo":"{KEY}"}})'
    yield "POST /api/search/aql", "aql", find
    yield "PUT /api/security/permissions/fresh", "target", {"repositories": [KEY]}


CROSSINGS = {name: (line, body) for line, name, body in crossings()}


@every_way
@pytest.mark.parametrize("name", CROSSINGS)
def test_a10_beside_what_is_known_the_unknown_stays_so(matrix: Matrix, name: str, way: str) -> None:
    line, content = CROSSINGS[name]
    method, _, path = line.partition(" ")
    body = content if isinstance(content, str) else json.dumps(content or {})
    template = matrix.cases[0]
    route = replace(template.route, method=method)
    case = replace(template, route=route, path=path, body=body.encode() if content else b"")
    stranger, before = matrix.world.callers["stranger"], state(matrix.storage)
    absent = shown(matrix.ask_absent(way, case, stranger))
    for key in (KEY, *KINDS.values()):
        answer = matrix.ask(way, case.filled({KEY: key}), stranger).about({key: KEY})
        assert shown(answer) == absent, key
    assert state(matrix.storage) == before
    assert IMAGE not in absent[1] or case.mentions(IMAGE)


def shown(answer: Answer) -> tuple[int, str]:
    """What is said, without the moment and what was made just now."""
    if answer.status != 200:
        return answer.status, answer.body.decode()
    document = json.loads(answer.body)
    for name in ("token", "access_token", "issued_at"):
        document.pop(name, None)
    return answer.status, json.dumps(document)


# --- the catalog -------------------------------------------------------------------------------

SPELLINGS = (
    *("/v2/_catalog", "/v2/_catalog/", "//v2/_catalog", "/v2//_catalog", "/v2/./_catalog"),
    *("/v2/%5fcatalog", "/v2/%5Fcatalog/", "/%76%32/_catalog", "/V2/_catalog", "/v1/_catalog"),
    *("/v2/x/../_catalog", "/v2/_catalog?n=1000", "/v2/_catalog?last=", "/v2/_catalog;x=y"),
    *("/artifactory/v2/_catalog", "/_catalog", "/artifactory/_catalog", "/v2/_catalog%2f"),
    *(
        f"{form}/api/docker/{rest}"
        for form in ("", "/artifactory", "//artifactory", "/artifactory/")
        for rest in (
            *(f"{KEY}/v2/_catalog", f"{KEY}/v2/_catalog/", f"{KEY}/_catalog", f"{KEY}//_catalog"),
            *(f"{KEY}/v2//_catalog", f"{KEY}/v2/../_catalog", "v2/_catalog", "_catalog"),
            *("x/v2/_catalog", f"{FAR}/v2/_catalog", f"{FAR}/_catalog", f"{FAR}/../_catalog"),
        )
    ),
)
_THROUGH = {f"{key}/{IMAGE}" for key in (KEY, KINDS["virtual"], "docker")}
READABLE: Mapping[str, set[str]] = {
    "anonymous": set(),
    "stranger": {f"{FAR}/{FAR_IMAGE}"},
    "token for another repository": {f"{FAR}/{FAR_IMAGE}"},
    "reader": _THROUGH,
    "pull-only token": {f"{KEY}/{IMAGE}"},
}
"""What each may read, also as a part of virtual repositories."""
EXAMPLE = b"for example docker-local/team/app"
"""Stands in the answer to every path that nothing is served under."""
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "TRACE")


@every_way
@pytest.mark.parametrize("name", READABLE)
def test_a11_the_catalog_lists_what_may_be_read_however_it_is_spelt(
    matrix: Matrix, name: str, way: str
) -> None:
    caller = matrix.world.callers[name]
    readable, listed = READABLE[name], set()
    for method in METHODS:
        for path in SPELLINGS:
            answer = matrix.ways[way].ask(method, path, caller.headers)
            assert answer.status < 500, (method, path)
            if method != "GET" or answer.status != 200:
                assert not told(answer), (method, path, answer)
                continue
            key = next((f"{key}/" for key in (KEY, FAR) if key in path), "")
            found = {f"{key}{image}" for image in json.loads(answer.body)["repositories"]}
            assert found <= readable, path
            listed |= found
    assert listed == readable


def told(answer: Answer) -> bool:
    """Whether an answer that is no list names an image all the same."""
    return any(image.encode() in answer.body.replace(EXAMPLE, b"") for image in (IMAGE, FAR_IMAGE))
