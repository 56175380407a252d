"""The one place that builds objects and plugs the rooms together."""

from __future__ import annotations

import logging
import socket

from flask import Flask

from registry.access.authentication import Authentication, Secrets
from registry.access.decision import Decisions
from registry.access.groups import Groups
from registry.access.keys import SigningKeys
from registry.access.permission_targets import PermissionTargets
from registry.access.rule_book import RuleBook
from registry.access.users import Users
from registry.cli.common import Faces
from registry.config import Config
from registry.jobs import Jobs
from registry.metrics.figures import Figures
from registry.metrics.logged import LogCounter
from registry.model.via import pseudonym_of
from registry.repositories.definitions import Definitions
from registry.repositories.directory import Directory
from registry.repositories.remote.shared import ASKING, DOWNLOADING
from registry.repositories.upstream.terms import Surroundings
from registry.repositories.upstream.upstreams import Upstreams
from registry.server.listening import listen
from registry.server.master import Master
from registry.services.aql import Aql
from registry.services.checking import Checking
from registry.services.deploying import Deploying
from registry.services.doctor import Doctor
from registry.services.explaining import Explaining
from registry.services.history import History
from registry.services.instance import Instance
from registry.services.package_search import Packages
from registry.services.permissions import Permissions
from registry.services.pruning import Limits, Pruning
from registry.services.readiness import Readiness
from registry.services.regret import Regret
from registry.services.repairing import Repairing
from registry.services.repositories import Repositories
from registry.services.retention import Retention
from registry.services.reverse_proxy import ProxyWriter
from registry.services.scrubbing import Scrubbing
from registry.services.searching import Searching
from registry.services.storage_summary import StorageSummary
from registry.services.system_info import SystemInfo
from registry.services.system_settings import SystemSettings
from registry.services.trashcan import Trashcan
from registry.services.unused import Unused
from registry.services.upstreams import UpstreamStates
from registry.services.usage import Usage
from registry.services.web_server import WebServer
from registry.storage.store import Store
from registry.web.application import make_application


def build(config: Config) -> Instance:
    """Return the objects of one registry; nothing is read, written or started."""
    store = Store(config.storage_root, config.lease_renewal, keeps_trash=config.trash_lifetime > 0)
    groups = Groups(store)
    users = Users(store, groups)
    targets = PermissionTargets(store, users, groups)
    keys = SigningKeys(store)
    system_info = SystemInfo(store, config)
    secrets = Secrets.of(store, users, groups, keys, lambda: system_info.service_id)
    decisions = Decisions(config.anonymous_pull, RuleBook(store, targets))
    definitions = Definitions(store)
    upstreams = Upstreams(_surroundings(config, system_info), store.upstream_notes)
    directory = Directory(store, definitions, decisions, upstreams)
    proxy_writer = ProxyWriter(store, definitions)
    searching = Searching(store, definitions)
    return Instance(
        config=config,
        store=store,
        users=users,
        groups=groups,
        permission_targets=targets,
        permissions=Permissions(targets, decisions),
        explaining=Explaining(store, users, decisions, definitions),
        keys=keys,
        decisions=decisions,
        secrets=secrets,
        authentication=Authentication(secrets, config.token_lifetime),
        definitions=definitions,
        repositories=Repositories(definitions),
        directory=directory,
        readiness=Readiness(store),
        pruning=Pruning(store, definitions, _limits(config)),
        trashcan=Trashcan(store, definitions),
        checking=Checking(store, definitions, stale_after=2.0 * config.prune_grace),
        repairing=Repairing(store, definitions),
        scrubbing=Scrubbing(store),
        history=History(store, definitions),
        retention=Retention(
            store, definitions, directory, lambda tags: Usage(store, definitions).freed_by(tags)
        ),
        regret=Regret(store, definitions),
        unused=Unused(store, definitions),
        packages=Packages(store),
        proxy_writer=proxy_writer,
        web_server=WebServer(store, proxy_writer, config.listen),
        doctor=Doctor(config, store, users, keys),
        deploying=Deploying(store.checksums),
        searching=searching,
        aql=Aql(store, searching),
        upstream_states=UpstreamStates(definitions, upstreams),
        figures=Figures(config.worker_count),
        system_info=system_info,
        system_settings=SystemSettings(config, definitions),
        storage_summary=StorageSummary(store, definitions, has_clock=config.prune_interval > 0),
    )


def _surroundings(config: Config, system_info: SystemInfo) -> Surroundings:
    return Surroundings(
        authorities=config.upstream_ca,
        proxy=config.upstream_proxy,
        # They wait in threads of their own, of which each remote repository has as many.
        most_waiting=ASKING + DOWNLOADING,
        pseudonym=lambda: pseudonym_of(system_info.service_id),
    )


def _limits(config: Config) -> Limits:
    return Limits(
        grace=config.prune_grace,
        hold=config.prune_hold,
        trash=config.trash_lifetime,
        uploads=config.upload_lifetime,
        most=config.prune_limit,
    )


def faces() -> Faces:
    """Return what the command line needs of the other rooms."""
    return Faces(build, lambda config: listen(config.address), serve)


def serve(instance: Instance, listener: socket.socket) -> int:
    """Serve a registry on a socket until it is told to end; return the exit code."""

    def start() -> Flask:
        logging.getLogger().addHandler(LogCounter(instance.figures))
        Jobs(instance).start()
        return make_application(instance)

    return Master(instance.config, start, listener, instance.figures).run()


def create_app(config: Config) -> Flask:
    """Return the web application over a storage folder that has been set up."""
    return make_application(build(config))
