from __future__ import annotations

import pytest

from registry.model.digests import Digest
from registry.model.errors import ReferenceInvalid
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.targets import Target, parse_tag_target, parse_target

DIGEST = Digest.of(b"")


@pytest.mark.parametrize(
    ("text", "image", "reference"),
    [
        ("docker-local", None, None),
        ("docker-local/app", "app", None),
        ("docker-local/team/app", "team/app", None),
        ("docker-local/team/app:1.0", "team/app", Tag("1.0")),
        ("docker-local/team/app:_x", "team/app", Tag("_x")),
        (f"docker-local/team/app@{DIGEST}", "team/app", DIGEST),
    ],
)
def test_targets(text: str, image: str | None, reference: Reference | None) -> None:
    target = parse_target(text)
    name = None if image is None else ImageName(image)
    assert target == Target(RepositoryKey("docker-local"), name, reference)
    assert type(target.reference) is type(reference)
    assert str(target) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "Docker", "docker-local/", "/app", "docker-local//app", "docker-local/app:",
        "docker-local/app@", "docker-local/app@sha256:12", "docker-local/App", "docker-local:1.0",
        f"docker-local@{DIGEST}", "docker-local/app:1.0:2.0", "docker-local/app:.x",
        f"docker-local/app:1.0@{DIGEST}", "docker-local/app:1 0", "docker-local/../app", "2v/app",
        "docker-local/app\n", "docker-local/app:x\n", "x" * 10_000, "docker-local/" + "x" * 300,
    ],
)  # fmt: skip
def test_what_is_no_target_is_said(text: str) -> None:
    with pytest.raises(ReferenceInvalid) as caught:
        parse_target(text)
    assert caught.value.message.startswith(f"'{text[:200]}'")
    assert len(caught.value.message) < 600


def test_a_tag_is_asked_for() -> None:
    assert parse_tag_target("a/b:c") == ("a", "b", "c")
    for text in ("a", "a/b", f"a/b@{DIGEST}"):
        with pytest.raises(ReferenceInvalid, match="KEY/IMAGE:TAG"):
            parse_tag_target(text)
