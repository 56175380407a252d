"""The grammar of retention rules, and what their conditions look at."""

from __future__ import annotations

import pytest

from registry.model.errors import FieldInvalid
from registry.model.retention_rules import TagFacts, parse_rules


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", []), (" ; ;", []),
        ("keep last=10", ["keep last=10"]),
        (" keep last=10 ;delete pushed>90d; ", ["keep last=10", "delete pushed>90d"]),
        ("delete pulled>30d tag=pr-*", ["delete pulled>30d tag=pr-*"]),
        ("keep image=team/* tag=v[0-9]* pushed<7d pulled<1d last=0",
         ["keep image=team/* tag=v[0-9]* pushed<7d pulled<1d last=0"]),
    ],
)  # fmt: skip
def test_rules_as_an_admin_writes_them(text: str, rules: list[str]) -> None:
    assert [rule.text for rule in parse_rules(text)] == rules


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("keep", "'keep'"), ("remove tag=x", "'remove tag=x'"), ("Keep last=1", "'Keep last=1'"),
        ("delete last=3", "'last=3'"), ("keep last=x", "'last=x'"), ("keep last=-1", "'last=-1'"),
        ("delete pushed>90", "'pushed>90'"), ("delete pushed=90d", "'pushed=90d'"),
        ("delete pushed > 90d", "'pushed'"), ("delete pushed>1.5d", "'pushed>1.5d'"),
        ("delete pushed>=90d", "'pushed>=90d'"), ("delete tag=", "'tag='"),
        ("delete tags=x", "'tags=x'"), ("keep last=10; delete", "'delete'"),
        ("delete tag=a, tag=b", None), ("delete pushed>9999999d", "'pushed>9999999d'"),
        ("delete pushed>９d", "'pushed>９d'"), ("delete tag=x\0; keep", "'keep'"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named(text: str, named: str | None) -> None:
    if named is None:
        # A comma is a part of the pattern, because a pattern may be anything but a space.
        assert [c.value for c in parse_rules(text)[0].conditions] == ["a,", "b"]
        return
    with pytest.raises(FieldInvalid) as caught:
        parse_rules(text)
    assert named in caught.value.message


# --- one condition at a time ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("tag=1.*", True), ("tag=2.*", False), ("tag=1", False), ("tag=?.0", True),
        ("tag=[12].0", True), ("tag=*", True), ("tag=1.0", True),
        ("image=team/*", True), ("image=team", False), ("image=*/app", True), ("image=*", True),
        ("pushed>9d", True), ("pushed>10d", False), ("pushed<10d", False), ("pushed<11d", True),
        ("pulled>4d", True), ("pulled>5d", False), ("pulled<5d", False), ("pulled<6d", True),
        ("tag=1.* pushed>9d", True), ("tag=2.* pushed>9d", False), ("tag=1.* pushed>10d", False),
    ],
)  # fmt: skip
def test_conditions(condition: str, holds: bool) -> None:
    (rule,) = parse_rules(f"delete {condition}")
    assert rule.applies(TagFacts("team/app", "1.0", rank=2, pushed=10.0, pulled=5.0)) is holds


@pytest.mark.parametrize(("last", "holds"), [(0, False), (2, False), (3, True), (9, True)])
def test_the_last_ones(last: int, holds: bool) -> None:
    (rule,) = parse_rules(f"keep last={last}")
    assert rule.applies(TagFacts("a", "b", rank=2, pushed=1, pulled=1)) is holds


def test_case_counts() -> None:
    (rule,) = parse_rules("delete tag=V*")
    assert not rule.applies(TagFacts("a", "v1", rank=0, pushed=1, pulled=1))
