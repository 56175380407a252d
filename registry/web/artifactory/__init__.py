"""Artifactory's REST API.

Read in this order: ``content`` (the repositories as trees of files and folders).
"""

from registry.web.artifactory.content import blueprint

__all__ = ["blueprint"]
