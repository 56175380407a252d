"""The settings about upstream registries reach the remote repositories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.config import Config
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import CONFIG, LAYER, OCI_IMAGE, encoded, manifest_object
from tests.support.nginx import Certificate, make_certificate
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import replies
from tests.support.upstream_tls import server_context

MANIFEST = encoded(manifest_object())
PATH = "/v2/far/team/app/manifests/1.0"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate: Certificate) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(tls=server_context(certificate)) as upstream:
        upstream.manifest("team/app", "1.0", MANIFEST)
        for data in (CONFIG, LAYER):
            upstream.blob("team/app", data)
        yield upstream


def pulled(instance: Instance, url: str) -> int:
    """Return the status of a pull through a remote repository."""
    fields = {"url": url, "hardFail": True}
    instance.definitions.create(RepositoryKey("far"), "remote", fields)
    return Client(make_application(instance)).get(PATH).status_code


def test_a_private_authority_is_a_setting(
    storage: Path, secure: ScriptedUpstream, certificate: Certificate
) -> None:
    settings = Config(storage_root=str(storage), upstream_ca=str(certificate.authority))
    for instance in opened(settings):
        assert pulled(instance, secure.url) == 200


def test_without_it_the_upstream_is_not_trusted(
    instance: Instance, secure: ScriptedUpstream
) -> None:
    assert pulled(instance, secure.url) == 502
    assert secure.requests == []


def test_the_usual_proxy_is_a_setting(storage: Path) -> None:
    with ScriptedUpstream() as proxy:
        proxy.script("http://registry.test/v2/", replies(200, MANIFEST, Content_Type=OCI_IMAGE))
        settings = Config(storage_root=str(storage), upstream_proxy=proxy.url)
        for instance in opened(settings):
            assert pulled(instance, "http://registry.test") == 200
        assert proxy.asked(part="http://registry.test/v2/team/app/manifests/1.0")
