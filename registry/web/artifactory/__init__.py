"""Artifactory's REST API.

Read in this order: ``content`` (the repositories as trees of files and folders), ``system`` (what
stands in front of the server).
"""

from registry.web.artifactory import content, system
from registry.web.artifactory.content import blueprint

__all__ = ["blueprint", "content", "system"]
