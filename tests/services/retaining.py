"""Asking for what the rules of a repository say, and for what they do."""

from __future__ import annotations

from registry.model.names import RepositoryKey
from registry.services.retention import RetentionReport, TagDecision
from tests.services.past import NOW, PastRegistry


def plan(past: PastRegistry, *keys: RepositoryKey) -> list[TagDecision]:
    return list(past.instance.retention.plan(NOW, keys))


def said(past: PastRegistry) -> dict[str, str]:
    """Return what is said of each tag of the image; of one that goes, with a minus before it."""
    return {
        found.decision.state.tag: f"-{found.decision.rule}"
        if found.decision.goes
        else found.decision.rule
        for found in plan(past)
    }


def run(past: PastRegistry, *keys: RepositoryKey) -> RetentionReport:
    return past.instance.retention.run(NOW, keys)


def deleted(report: RetentionReport) -> list[str]:
    return [found.decision.state.tag for found in report.deleted]
