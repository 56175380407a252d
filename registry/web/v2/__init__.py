"""The Docker Registry V2 / OCI distribution API, in three address forms.

Read in this order: ``base`` (ping), ``token``, ``blobs``, ``uploads``, ``manifests``,
``described`` (what both say of content), ``tags`` (and the catalog), ``referrers``. Each handler
cites the end point of the OCI distribution specification, "API Endpoints", that it answers.
"""

from registry.web.v2 import base, blobs, manifests, referrers, tags, token, uploads
from registry.web.v2.base import blueprint

__all__ = ["base", "blobs", "blueprint", "manifests", "referrers", "tags", "token", "uploads"]
