"""What criteria find: each rule by an item that fulfils it and one that does not."""

from __future__ import annotations

import pytest

from registry.model.digests import Digest
from registry.model.names import RepositoryKey
from tests.model.aql_items import ONE, SUMS, Downloads, KnownFacts, file, finds, folder

HEX = ONE.encoded
DIGEST_FOLDER = f"team/app/sha256:{HEX}/manifest.json"


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("", True),
        ("{}", True),
        ('{"$and":[]}', True),
        ('{"$and":[{}]}', True),
        ('{"repo":"docker-local"}', True),
        ('{"repo":"other"}', False),
        ('{"repo":{"$eq":"docker-local"}}', True),
        ('{"repo":{"$ne":"docker-local"}}', False),
        ('{"repo":{"$ne":"other"}}', True),
        ('{"repo":{"$match":"docker-*"}}', True),
        ('{"repo":{"$nmatch":"docker-*"}}', False),
        ('{"repo":null}', False),
        ('{"path":"team/app/1.0"}', True),
        ('{"path":"team/app"}', False),
        ('{"path":{"$match":"team/*"}}', True),
        ('{"path":{"$match":"*"}}', True),
        ('{"path":{"$match":"**"}}', True),
        ('{"path":{"$match":"*app*"}}', True),
        ('{"path":{"$match":"team/app/?.?"}}', True),
        ('{"path":{"$match":"team/app/?"}}', False),
        ('{"path":{"$match":"TEAM/*"}}', False),
        ('{"path":{"$match":"team"}}', False),
        ('{"path":{"$nmatch":"*/latest"}}', True),
        ('{"path":{"$nmatch":"*/1.0"}}', False),
        ('{"path":{"$ne":"."}}', True),
        ('{"name":"manifest.json"}', True),
        ('{"name":{"$match":"*.json"}}', True),
        ('{"name":"*"}', False),
        ('{"item.name":"manifest.json","items.path":"team/app/1.0"}', True),
        ('{"type":"file"}', True),
        ('{"type":{"$eq":"any"}}', True),
        ('{"type":"folder"}', False),
        ('{"type":{"$ne":"folder"}}', True),
        ('{"size":100}', True),
        ('{"size":"100"}', True),
        ('{"size":{"$gt":99,"$lt":101}}', True),
        ('{"size":{"$gt":"100"}}', False),
        ('{"size":{"$gte":100}}', True),
        ('{"size":{"$lte":99.5}}', False),
        ('{"size":{"$lt":1e3}}', True),
        ('{"size":{"$match":"1*"}}', True),
        ('{"size":{"$ne":null}}', True),
        ('{"depth":4}', True),
        ('{"created":"2024-05-01T10:00:00.000Z"}', True),
        ('{"created":"2024-05-01T12:00:00.000+02:00"}', True),
        ('{"created":{"$lt":"2024-05-02"}}', True),
        ('{"created":{"$lt":"2024-05-01"}}', False),
        ('{"created":{"$gte":"2024-05-01"}}', True),
        ('{"created":{"$lte":1714557600000}}', True),
        ('{"created":{"$lt":1714557600000}}', False),
        ('{"created":{"$before":"5d"}}', True),
        ('{"created":{"$before":"2mo"}}', False),
        ('{"created":{"$last":"2mo"}}', True),
        ('{"created":{"$last":"5d"}}', False),
        ('{"created":{"$match":"2024-05-*"}}', True),
        ('{"modified":{"$gt":"2024-05-02T09:59:59.999Z"}}', True),
        ('{"updated":{"$gt":"2024-05-02T10:00:00.000Z"}}', False),
        ('{"created_by":"alice","modified_by":{"$match":"b?b"}}', True),
        ('{"created_by":{"$gt":"alic","$lt":"alicf"}}', True),
        (f'{{"sha256":"{HEX}"}}', True),
        (f'{{"sha256":"{HEX.upper()}"}}', True),
        (f'{{"sha256":{{"$ne":"{HEX}"}}}}', False),
        (f'{{"actual_sha1":"{SUMS["sha1"]}"}}', True),
        (f'{{"original_md5":"{SUMS["md5"]}"}}', True),
        (f'{{"actual_sha1":"{SUMS["md5"]}"}}', False),
        (f'{{"actual_md5":{{"$ne":"{SUMS["md5"]}"}}}}', False),
        ('{"actual_md5":{"$match":"b*"}}', True),
        ('{"actual_md5":{"$match":"*"}}', True),
        ('{"actual_md5":{"$nmatch":"b*"}}', False),
        ('{"actual_md5":null}', False),
        ('{"virtual_repos":"docker"}', False),
        ('{"virtual_repos":null}', True),
        ('{"artifact.module.build.name":"b"}', False),
        ('{"dependency.module.build.name":"b"}', False),
    ],
)
def test_a_file_by_its_fields(criteria: str, found: bool) -> None:
    assert finds(criteria, file()) is found


PROPERTIES = {"k": ["v", "w"], "build.name": ["b"], "build.number": ["7"]}


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ('{"@k":"v"}', True),
        ('{"@k":"w"}', True),
        ('{"@k":"x"}', False),
        ('{"@k":"*"}', True),
        ('{"@none":"*"}', False),
        ('{"@k":{"$match":"*"}}', True),
        ('{"@k":{"$match":"?"}}', True),
        ('{"@none":{"$match":"*"}}', False),
        ('{"@k":{"$ne":"v"}}', False),
        ('{"@k":{"$ne":"x"}}', True),
        ('{"@none":{"$ne":"v"}}', True),
        ('{"@none":{"$nmatch":"*"}}', True),
        ('{"@k":{"$nmatch":"*"}}', False),
        ('{"@k":{"$ne":"*"}}', False),
        ('{"@none":null}', True),
        ('{"@k":null}', False),
        ('{"@k":{"$ne":null}}', True),
        ('{"@k":{"$gt":"u"}}', True),
        ('{"@*":"v"}', True),
        ('{"@*":"x"}', False),
        ('{"@*":"*"}', True),
        ('{"property.key":"k"}', True),
        ('{"property.key":{"$match":"build.*"}}', True),
        ('{"property.key":"x"}', False),
        ('{"property.key":{"$ne":"k"}}', False),
        ('{"property.value":"7"}', True),
        ('{"property.value":7}', True),
        # A key and a value side by side are of one property.
        ('{"$and":[{"property.key":{"$eq":"k"}},{"property.value":{"$eq":"v"}}]}', True),
        ('{"$and":[{"property.key":{"$eq":"k"}},{"property.value":{"$eq":"7"}}]}', False),
        ('{"property.key":"k","property.value":"b"}', False),
        ('{"property.value":"b","property.key":"build.name"}', True),
        ('{"property.key":"k","property.value":{"$ne":"v"}}', True),
        ('{"property.key":"build.name","property.value":{"$ne":"b"}}', False),
        # Several keys begin several properties.
        (
            '{"$and":[{"property.key":"k"},{"property.value":"v"},'
            '{"property.key":"build.name"},{"property.value":"b"}]}',
            True,
        ),
        # Where they are in different groups, they are of any.
        ('{"$and":[{"$and":[{"property.key":"k"}]},{"$and":[{"property.value":"7"}]}]}', True),
        ('{"$msp":[{"@k":{"$match":"*"}},{"@k":{"$nmatch":"w"}}]}', True),
        ('{"$msp":[{"@k":{"$match":"w"}},{"@k":{"$ne":"w"}}]}', False),
        ('{"$msp":[{"@k":"v"},{"@build.name":"b"}]}', False),
        ('{"$msp":[{"property.key":"k"},{"property.value":"v"}]}', True),
        ('{"$msp":[{"property.key":"k"},{"$or":[{"property.value":"7"},{"@k":"w"}]}]}', True),
        ('{"artifact.module.build.name":"b","artifact.module.build.number":"7"}', True),
        ('{"artifact.module.build.name":"b","artifact.module.build.number":"8"}', False),
    ],
)  # fmt: skip
def test_a_file_by_its_properties(criteria: str, found: bool) -> None:
    assert finds(criteria, file(properties=PROPERTIES)) is found


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ('{"$or":[{"name":"x"},{"name":"manifest.json"}]}', True),
        ('{"$or":[{"name":"x"},{"name":"y"}]}', False),
        # The fields of one object are enough one by one inside $or, not inside $and.
        ('{"$or":[{"name":"manifest.json","path":"x"}]}', True),
        ('{"$or":[{"$and":[{"name":"manifest.json","path":"x"}]}]}', False),
        ('{"$and":[{"name":"manifest.json","path":"x"}]}', False),
        ('{"$or":[{"size":{"$gt":200,"$lt":300}}]}', False),
        # Every one of several equal keys counts.
        ('{"$or":[{"name":"x"}],"$or":[{"name":"manifest.json"}]}', False),
        ('{"$or":[{"name":"manifest.json"}],"$or":[{"name":"x"}]}', False),
        ('{"path":{"$match":"team/*"},"path":{"$match":"*/2.0"}}', False),
        ('{"size":{"$gt":1,"$gt":500}}', False),
        ('{"$and":[{"$or":[{"size":1},{"size":100}]},{"$or":[{"depth":4}]}]}', True),
        ('{"name":"manifest.json"},{"size":1}', False),
        ('{"$and":{"name":"manifest.json"}}', True),
    ],
)
def test_groups(criteria: str, found: bool) -> None:
    assert finds(criteria, file()) is found


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("{}", False),
        ('{"type":"any"}', True),
        ('{"type":"folder"}', True),
        ('{"type":"file"}', False),
        ('{"type":"folder","name":"1.0","path":"team/app","size":0}', True),
        ('{"type":"any","sha256":null}', True),
        ('{"type":"any","sha256":{"$ne":"x"}}', False),
        ('{"type":"any","actual_md5":null}', True),
        ('{"type":"any","actual_md5":{"$match":"*"}}', False),
        ('{"$or":[{"type":"folder"},{"name":"x"}]}', True),
    ],
)
def test_folders_are_found_if_they_are_asked_for(criteria: str, found: bool) -> None:
    assert finds(criteria, folder()) is found


@pytest.mark.parametrize("criteria", ['{"path":".","name":"."}', '{"path":{"$match":"**"}}'])
def test_the_repository_itself_is_an_item(criteria: str) -> None:
    assert finds(f'{{"type":"any"}},{criteria}', folder(""))
    assert not finds(criteria, folder(""))


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        (f'{{"path":"team/app/sha256:{HEX}"}}', True),
        (f'{{"path":"team/app/sha256__{HEX}"}}', True),
        (f'{{"path":{{"$match":"team/app/sha256__{HEX}"}}}}', True),
        ('{"path":{"$match":"team/app/sha256__*"}}', True),
        ('{"path":{"$match":"team/app/sha256:*"}}', True),
        ('{"path":{"$match":"*/sha256?*"}}', True),
        ('{"path":{"$match":"*:*"}}', True),
        ('{"path":{"$nmatch":"*/sha256__*"}}', False),
        (f'{{"path":{{"$ne":"team/app/sha256__{HEX}"}}}}', False),
        ('{"path":{"$ne":"team/app/sha256__x"}}', True),
    ],
)
def test_both_forms_of_a_digest_folder_are_the_same(criteria: str, found: bool) -> None:
    assert finds(criteria, file(DIGEST_FOLDER)) is found
    assert finds(criteria, file(DIGEST_FOLDER.replace(":", "__"))) is (
        found and "*:*" not in criteria
    )


@pytest.mark.parametrize(
    ("criteria", "pulled", "never"),
    [
        ('{"stat.downloads":{"$eq":null}}', False, True),
        ('{"stat.downloads":null}', False, True),
        ('{"stat.downloads":{"$ne":null}}', True, False),
        ('{"stat.downloads":{"$gt":2}}', True, False),
        ('{"stat.downloads":{"$lt":2}}', False, False),
        ('{"stat.downloads":{"$ne":2}}', True, False),
        ('{"stat.downloads":"3"}', True, False),
        ('{"stat.downloaded":{"$lt":"2024-06-02"}}', True, False),
        ('{"stat.downloaded":{"$before":"2w"}}', True, False),
        ('{"stat.downloaded":{"$last":"2w"}}', False, False),
        ('{"stat.downloaded_by":"bob"}', True, False),
        ('{"stat.downloaded_by":{"$nmatch":"a*"}}', True, False),
        ('{"stat.remote_downloads":{"$eq":null}}', True, True),
        ('{"stat.remote_downloaded":{"$lt":"2030-01-01"}}', False, False),
    ],
)
def test_downloads(criteria: str, pulled: bool, never: bool) -> None:
    item = file()
    facts = KnownFacts(pulled={item.location: Downloads(3)})
    assert finds(criteria, item, facts) is pulled
    assert finds(criteria, item) is never


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ('{"repo":"docker"}', True),
        ('{"repo":"all"}', False),
        ('{"repo":{"$ne":"docker"}}', False),
        ('{"repo":{"$match":"docker"}}', False),
        ('{"virtual_repos":"docker"}', True),
        ('{"virtual_repos":{"$match":"dock*"}}', True),
        ('{"virtual_repos":"all"}', False),
    ],
)
def test_a_virtual_repository_stands_for_its_members(criteria: str, found: bool) -> None:
    facts = KnownFacts(members={"docker": ["docker-local"], "all": ["other"]})
    assert finds(criteria, file(), facts) is found
    assert not finds('{"repo":"docker"}', file(repository=RepositoryKey("third")), facts)


def test_content_under_another_algorithm_has_no_sha256() -> None:
    item = file(digest=Digest.of(b"x", "sha512"))
    assert finds('{"sha256":null}', item)
    assert not finds('{"sha256":{"$match":"*"}}', item)
    # That its other checksums are not known yet does not make it a file without any.
    assert finds('{"actual_sha1":{"$match":"*"}}', item)
    assert not finds('{"actual_sha1":null}', item)
    assert not finds('{"actual_sha1":{"$match":"a*"}}', item)
