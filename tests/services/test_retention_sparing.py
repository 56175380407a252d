"""What rules for tags spare: signatures of what is here, and what a jump of the clock made old."""

from __future__ import annotations

import datetime

import pytest

from registry.model.errors import ImageUnknown
from registry.model.names import Tag
from tests.repositories.pushing import ALICE, IMAGE, all_tags, body_of, index_body, put
from tests.services.past import NOW, PastRegistry
from tests.services.retaining import deleted, run, said


def test_a_signature_stays_with_what_it_signs_and_goes_after_it(past: PastRegistry) -> None:
    digest = past.push("v1", days=90)
    signature = f"{digest.replace(':', '-')}.sig"
    past.push(signature, days=90, note="signature")
    past.configure(retention="delete pushed>7d; keep tag=v*")
    assert deleted(run(past)) == []
    put(past.repository, index_body(body_of(past.repository, digest) or b""), Tag("latest"))
    past.repository.delete_tag(IMAGE, Tag("v1"), ALICE)
    assert said(past) == {"latest": "latest is spared", signature: "its image is here"}
    past.repository.delete_tag(IMAGE, Tag("latest"), ALICE)
    assert said(past) == {signature: "its image is here"}
    past.repository.delete_manifest(IMAGE, digest, ALICE)
    past.configure(retention="delete tag=x")
    (gone,) = run(past).deleted
    assert (gone.decision.state.tag, gone.decision.rule) == (signature, "its image has gone")
    with pytest.raises(ImageUnknown):
        all_tags(past.repository)


def test_what_was_pushed_or_pulled_after_the_last_moment_that_is_proved_stays(
    past: PastRegistry,
) -> None:
    digests = {tag: past.push(tag, days=9, note=tag) for tag in ("pulled", "unused")}
    past.push("young", days=8)
    past.pull("pulled", digests["pulled"], days=8)
    past.configure(retention="delete pushed>7d")
    proved = NOW - datetime.timedelta(days=8, hours=1)
    report = past.instance.retention.run(NOW, proved=proved)
    assert (deleted(report), report.kept) == (["unused"], 2)
    assert deleted(run(past)) == ["pulled", "young"]
