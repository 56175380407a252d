"""The OCI distribution conformance suite, with every switch of the newest text on."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.support.live import LiveServer
from tests.support.tools import require_tool

SUITE = "oci-conformance"

STRICT = {
    "OCI_VERSION": "dev",
    "OCI_TLS": "disabled",
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
}


@pytest.mark.parametrize(("key", "sparse"), [("docker-strict", "false"), ("docker-sparse", "true")])
def test_the_conformance_suite_passes_whole(
    registry: LiveServer, user: User, tmp_path: Path, key: str, sparse: str
) -> None:
    require_tool(SUITE)
    assert registry.cli("repo", "create", key).returncode == 0
    assert registry.cli("repo", "set", key, f"allowSparseIndexes={sparse}").returncode == 0
    environment = STRICT | {
        "OCI_REGISTRY": registry.host,
        "OCI_REPO1": f"{key}/conformance/one",
        "OCI_REPO2": f"{key}/conformance/two",
        "OCI_USERNAME": user.name,
        "OCI_PASSWORD": user.password,
        "OCI_DATA_SPARSE": sparse,
        "OCI_RESULTS_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [SUITE],
        env=dict(os.environ) | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    assert counted(said, "FAIL") == counted(said, "Error") == 0, said[-4000:]
    assert counted(said, "Total") > 900
    passed = dict(re.findall(r"^  ([A-Z][^.\n]+)\.+: +(\w+)$", said, re.MULTILINE))
    missed = {name for name, result in passed.items() if result in ("FAIL", "Skip", "Error")}
    # The suite's token is for the target alone, and a token for one image reads no other.
    assert missed <= {"Blob anonymous mount"}


def counted(said: str, outcome: str) -> int:
    """How many tests ended so."""
    found = re.search(rf"^  {outcome}\.+: +(\d+)$", said, re.MULTILINE)
    assert found, said[-4000:]
    return int(found[1])
