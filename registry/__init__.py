"""A private Docker registry on plain files: Artifactory's Docker repositories on one host.

The rooms, from the bottom up: `registry.model` (what things are), `registry.config`,
`registry.storage` (where bytes lie), `registry.access` (who may), `registry.repositories` (one
interface, several kinds), `registry.services` (what can be done), and the faces `registry.web`
(asked over HTTP), `registry.cli` (asked from a shell) and `registry.server` (how requests arrive).
`registry.jobs` prunes beside them, and `registry.metrics` has figures for monitoring.
`registry.wiring` plugs all together. A room imports only rooms below it.
"""

__version__ = "0.1.0"
