from __future__ import annotations

from pathlib import Path

import pytest

from registry.access import passwords
from registry.config import Config
from registry.model.errors import CredentialsWrong, StorageUnusable, UserInvalid
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from registry.services.setup import ADMIN, FIRST_REPOSITORY, set_up
from registry.storage import format as storage_format
from registry.wiring import build


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(passwords, "_N", 2**4)
    return build(Config(storage_root=str(tmp_path / "store")))


def keys(instance: Instance) -> list[str]:
    return [definition.key for definition in instance.definitions.all()]


def test_the_first_start_makes_an_admin_and_a_repository(instance: Instance) -> None:
    done = set_up(instance, None)
    assert done.new
    assert done.generated_password is not None
    assert len(done.generated_password) >= 20
    assert instance.authentication.by_password(ADMIN, done.generated_password).admin
    assert keys(instance) == [FIRST_REPOSITORY]
    assert instance.keys.current()


def test_a_given_password_is_used_and_not_told(instance: Instance) -> None:
    done = set_up(instance, "given-password")
    assert done.generated_password is None
    assert instance.authentication.by_password(ADMIN, "given-password").admin


def test_a_second_start_keeps_everything(instance: Instance) -> None:
    set_up(instance, "given-password")
    instance.definitions.create(RepositoryKey("mine"), "local", {})
    instance.definitions.remove(FIRST_REPOSITORY)
    secrets = instance.keys.current()
    done = set_up(instance, "another-password")
    assert (done.new, done.generated_password) == (False, None)
    assert keys(instance) == ["mine"]
    assert instance.keys.current() == secrets
    with pytest.raises(CredentialsWrong):
        instance.authentication.by_password(ADMIN, "another-password")


def test_an_admin_of_another_name_is_enough(instance: Instance) -> None:
    set_up(instance, None)
    instance.users.add("root", "given-password", admin=True)
    instance.users.remove(ADMIN)
    set_up(instance, None)
    assert [user.name for user in instance.users.all()] == ["root"]


def test_a_user_of_the_admins_name_is_not_made_an_admin(instance: Instance) -> None:
    storage_format.prepare(instance.store.layout)
    instance.users.add(ADMIN, "given-password")
    assert set_up(instance, None).generated_password is None
    assert not instance.users.get(ADMIN).admin


def test_a_password_that_cannot_be_used_is_said(instance: Instance) -> None:
    with pytest.raises(UserInvalid, match="8 to"):
        set_up(instance, "short")
    assert set_up(instance, "long-enough").generated_password is None
    assert keys(instance) == [FIRST_REPOSITORY]


def test_a_command_before_the_first_start_does_not_cost_the_repository(
    instance: Instance,
) -> None:
    """`user list` makes the folder; the printed `docker push` line must work all the same."""
    storage_format.prepare(instance.store.layout)
    instance.keys.ensure()
    set_up(instance, None)
    assert keys(instance) == [FIRST_REPOSITORY]


@pytest.mark.parametrize("step", ["keys", "users", "definitions"])
def test_a_first_start_that_was_killed_is_gone_on_with(
    instance: Instance, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"keys": "ensure", "users": "add", "definitions": "create"}[step]

    def killed(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(type(getattr(instance, step)), name, killed)
        with pytest.raises(KeyboardInterrupt):
            set_up(instance, "given-password")
    set_up(instance, "given-password")
    assert instance.authentication.by_password(ADMIN, "given-password").admin
    assert keys(instance) == [FIRST_REPOSITORY]


def test_a_folder_that_cannot_serve_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnusable):
        set_up(build(Config(storage_root=str(tmp_path / "file"))), None)
