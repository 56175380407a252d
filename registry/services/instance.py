"""What one running registry consists of; every face gets it from the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from registry.access.authentication import Authentication, Secrets
from registry.access.decision import Decisions
from registry.access.groups import Groups
from registry.access.keys import SigningKeys
from registry.access.permission_targets import PermissionTargets
from registry.access.users import Users
from registry.config import Config
from registry.metrics.figures import Figures
from registry.repositories.definitions import Definitions
from registry.repositories.directory import Directory
from registry.services.aql import Aql
from registry.services.checking import Checking
from registry.services.deploying import Deploying
from registry.services.doctor import Doctor
from registry.services.explaining import Explaining
from registry.services.history import History
from registry.services.package_search import Packages
from registry.services.permissions import Permissions
from registry.services.pruning import Pruning
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
from registry.services.web_server import WebServer
from registry.storage.store import Store


@dataclass(frozen=True, slots=True)
class Instance:
    """The objects of one registry."""

    config: Config
    store: Store
    users: Users
    groups: Groups
    permission_targets: PermissionTargets
    permissions: Permissions
    explaining: Explaining
    keys: SigningKeys
    decisions: Decisions
    secrets: Secrets
    authentication: Authentication
    definitions: Definitions
    repositories: Repositories
    directory: Directory
    readiness: Readiness
    pruning: Pruning
    trashcan: Trashcan
    checking: Checking
    repairing: Repairing
    scrubbing: Scrubbing
    history: History
    retention: Retention
    regret: Regret
    unused: Unused
    packages: Packages
    proxy_writer: ProxyWriter
    web_server: WebServer
    doctor: Doctor
    deploying: Deploying
    searching: Searching
    aql: Aql
    upstream_states: UpstreamStates
    figures: Figures
    system_info: SystemInfo
    system_settings: SystemSettings
    storage_summary: StorageSummary
