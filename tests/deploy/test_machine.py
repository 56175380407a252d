"""docs/install.md and docs/upgrading.md, word for word, on a Debian that has booted systemd."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import visitor
from tests.deploy.machine import Machine
from tests.deploy.network import NAME, Network, shell
from tests.deploy.pages import Block, blocks

PASSWORD = "wonder-Land-7"
STORAGE = "/var/lib/registry/storage"
UNITS = "/etc/systemd/system/registry*.service /etc/systemd/system/registry*.timer"
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Installed:
    """The machine after all commands of docs/install.md, and what they said, by their places."""

    machine: Machine
    network: Network
    said: dict[Block, str]

    def visit(self, mode: str, folder: Path) -> dict[str, Any]:
        """Run a visitor in the machine's network, and return how it went."""
        run = self.network.program(sys.executable, visitor.__file__)
        answer: dict[str, Any] = json.loads(run(mode, str(folder)).splitlines()[-1])
        return answer

    def folder(self, name: str) -> Path:
        """A new folder for a visitor."""
        folder = self.network.folder / name
        folder.mkdir()
        self.machine.copy("/etc/nginx/tls/ca.crt", folder / "ca.crt")
        (folder / "password").write_text(PASSWORD)
        return folder

    def curl(self, path: str, *options: str) -> str:
        """Ask the registry through nginx; return the head of the answer, and its body."""
        authority = f"{self.network.folder}/ca.crt"
        run = self.network.program("curl", "--silent", "--include", "--cacert", authority)
        return run("--user", f"alice:{PASSWORD}", *options, f"https://{NAME}{path}")


@pytest.fixture(scope="module")
def installed(
    network: Network, debian: str, project: Path, wheels: Path, image_to_push: str
) -> Iterator[Installed]:
    """Give each command of the page, on the server or on a client, in its order."""
    machine = Machine(network, debian, project, wheels)
    try:
        said = {}
        for block in blocks("install.md", "server", "client"):
            if block.role == "server":
                said[block] = machine.at_a_terminal(block.script, PASSWORD)
                continue
            machine.copy("/etc/nginx/tls/ca.crt", network.folder / "ca.crt")
            script = shell(f"cd {network.folder}\n{block.script}")
            said[block] = network.at_a_terminal(*script, password=PASSWORD)
        yield Installed(machine, network, said)
    finally:
        machine.remove()


def wait_for(path: Path) -> None:
    """Return as soon as a file is there."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path.name}"
        time.sleep(0.05)


def test_what_the_page_promises_is_seen(installed: Installed) -> None:
    said = {block.script: text for block, text in installed.said.items()}
    (first,) = [text for script, text in said.items() if script == "registry init\n"]
    assert "Password:" in first
    (client,) = [text for script, text in said.items() if "docker login" in script]
    assert "Login Succeeded" in client
    assert "Pushed" in client
    assert f"Status: Image is up to date for {NAME}/docker-local/team/alpine:1.0" in client
    assert installed.machine("systemctl --failed --quiet") == ""


def test_layers_are_sent_by_nginx(installed: Installed) -> None:
    accept = "Accept: application/vnd.docker.distribution.manifest.v2+json"
    manifest = installed.curl("/v2/docker-local/team/alpine/manifests/1.0", "--header", accept)
    layer = json.loads(manifest.partition("\n\n")[2])["layers"][0]
    path = f"/v2/docker-local/team/alpine/blobs/{layer['digest']}"
    head = installed.curl(path, "--head", "--request", "GET")
    assert head.startswith("HTTP/1.1 200")
    assert "X-Registry-Sent-By: proxy" in head
    assert f"Content-Length: {layer['size']}" in head


def test_the_secrets_are_the_servers_alone(installed: Installed) -> None:
    """nginx is in the server's group, to read layers."""
    machine = installed.machine
    as_nginx = "runuser -u www-data --"
    for name in ("etc/keys.json", "etc/users/admin.json"):
        machine(f"test -e {STORAGE}/{name}")
        assert "permission denied" in machine.fails(f"{as_nginx} cat {STORAGE}/{name}")
    assert "permission denied" in machine.fails(f"{as_nginx} touch {STORAGE}/filestore/made")
    as_others = "runuser -u nobody --"
    assert "permission denied" in machine.fails(f"{as_others} ls {STORAGE}")
    assert "permission denied" in machine.fails(f"{as_others} ls /run/registry")


def test_systemd_finds_nothing_wrong_with_the_units(installed: Installed) -> None:
    assert installed.machine(f"systemd-analyze verify {UNITS} 2>&1") == ""
    installed.machine("systemd-analyze security --no-pager --threshold=15 registry.service")


def test_the_service_needs_nothing_that_is_forbidden_to_it(installed: Installed) -> None:
    """For this test what is forbidden ends the process, instead of an error that may go unseen."""
    machine, folder = installed.machine, installed.folder("forbidden")
    deadly = "/run/systemd/system/registry.service.d/deadly.conf"
    machine(
        "cp /etc/registry/settings.toml /tmp/settings.toml\n"
        "echo 'prune_interval = 1' >> /etc/registry/settings.toml\n"
        f"mkdir -p $(dirname {deadly})\n"
        f"printf '[Service]\\nSystemCallErrorNumber=kill\\n' > {deadly}\n"
        f"rm -f {STORAGE}/pruning.json\n"
        "systemctl daemon-reload\nsystemctl restart registry"
    )
    try:
        with ThreadPoolExecutor(1) as pool:
            visit = pool.submit(installed.visit, "rounds", folder)
            machine.wait_until(f"test -e {STORAGE}/pruning.json")
            wait_for(folder / "round")
            (folder / "stop").touch()
        assert visit.result()["wrong"] == []
        gone = installed.curl(f"{visitor.IMAGE}/manifests/latest", "--request", "DELETE")
        assert gone.startswith("HTTP/1.1 202")
        assert machine("systemctl show --property=NRestarts --value registry") == "0\n"
        assert "ended with status" not in machine("cat /var/log/registry/registry.log")
    finally:
        machine(
            f"cp /tmp/settings.toml /etc/registry/settings.toml\nrm {deadly}\n"
            "systemctl daemon-reload\nsystemctl restart registry"
        )


def test_an_upload_in_flight_is_finished_while_others_are_told_to_come_back(
    installed: Installed,
) -> None:
    """And what is not finished is gone on with when the server is there again."""
    machine, folder = installed.machine, installed.folder("slowly")
    with ThreadPoolExecutor(1) as pool:
        try:
            visit = pool.submit(installed.visit, "slowly", folder)
            machine.wait_until(f"test -s {STORAGE}/uploads/*.data")
            machine("systemctl restart --no-block registry")
            machine.wait_until("test $(systemctl is-active registry) = deactivating")
            told = installed.curl("/v2/")
        finally:
            (folder / "go").touch()
    assert told.startswith("HTTP/1.1 503")
    assert "Retry-After:" in told
    assert visit.result()["status"] == 202
    machine.wait_until("test $(systemctl is-active registry) = active")
    place = f"{visit.result()['location']}?digest={visit.result()['digest']}"
    assert installed.curl(place, "--request", "PUT").startswith("HTTP/1.1 201")


def test_the_copy_of_the_night_is_whole(installed: Installed) -> None:
    machine = installed.machine
    machine("systemctl start registry-backup.service")
    machine("registry fsck --deep --storage /var/backups/registry")
    of_both = f"stat -c '%U %G %a' {STORAGE}/etc/keys.json /var/backups/registry/etc/keys.json"
    assert machine(of_both) == "registry registry 600\n" * 2
    tags = "find {} -name manifest.json -path '*/alpine/1.0/*' -links +1 | wc -l"
    assert machine(tags.format("/var/backups/registry")) == "1\n"


def test_the_check_of_the_night_has_read_everything(installed: Installed) -> None:
    record = installed.machine.json(f"cat {STORAGE}/scrubbing.json")
    assert record, "nothing is recorded"
    timers = installed.machine("systemctl list-timers --no-pager")
    assert "registry-backup.timer" in timers
    assert "registry-scrub.timer" in timers


def test_the_log_file_is_rotated_while_the_server_writes(installed: Installed) -> None:
    machine, log = installed.machine, "/var/log/registry/registry.log"
    installed.curl("/v2/before-the-rotation/tags/list")
    assert "before-the-rotation" in machine.read(log)
    machine("logrotate --force /etc/logrotate.d/registry 2>&1")
    installed.curl("/v2/after-the-rotation/tags/list")
    assert "before-the-rotation" in machine.read(f"{log}.1")
    fresh = machine.read(log)
    assert "after-the-rotation" in fresh
    assert "before-the-rotation" not in fresh
    assert "\0" not in fresh


def test_an_upgrade_and_the_way_back_need_no_pause(installed: Installed) -> None:
    """Every command of docs/upgrading.md; while two servers run, clients push and pull."""
    machine, folder = installed.machine, installed.folder("upgrade")
    visit: Future[dict[str, Any]] | None = None
    with ThreadPoolExecutor(1) as pool:
        try:
            for block in blocks("upgrading.md", "server"):
                if "registry-next" in block.script and visit is None:
                    visit = pool.submit(installed.visit, "rounds", folder)
                    wait_for(folder / "round")
                machine.at_a_terminal(block.script, PASSWORD)
                link = machine("readlink /opt/registry").strip()
                if "ln -sfn" in block.script:
                    assert f"ln -sfn {link} " in block.script
                    assert machine(_running_from("registry")) == f"/opt/{link}\n"
            done = int((folder / "round").read_text())
            while int((folder / "round").read_text()) <= done:
                assert visit is not None
                assert not visit.done()
                time.sleep(0.05)
        finally:
            (folder / "stop").touch()
    assert visit is not None
    assert visit.result()["wrong"] == []
    assert machine("systemctl --failed --quiet") == ""
    assert "registry-next" not in machine("systemctl list-units --all --no-pager")


def _running_from(unit: str) -> str:
    """The script that prints the folder of the code that a unit has loaded."""
    process = f"$(systemctl show --property=MainPID --value {unit})"
    return f"grep --only-matching '/opt/registry-[0-9]*' /proc/{process}/maps | sort --unique"
