"""A remote repository: what an upstream registry has, kept in a cache of its own.

Read in this order: ``repository`` (the interface), ``shared`` (what the threads of a process have
in common), ``remembered`` (answers that are good for a while), ``crew`` and ``flights`` (asking
upstream in threads of its own, once for all who want to know), ``manifests`` (cache first, then
upstream, then the cache again), ``blobs`` with ``arrival`` (one that is on its way), ``downloads``
(letting it come), ``filling`` and ``hashing`` (its bytes) and ``watching`` (what another process
downloads), ``placing`` (blobs come after their manifests), ``lists``, ``referring`` (signatures and
the like) and ``foreign`` (layers from their own addresses).

Upstream's answers are three: there, absent, failed. Absent is remembered; when upstream fails, what
the cache has is served, and marked. By digest nothing is ever asked that the cache has. A tag that
upstream has no more is taken out of the cache after the period, and its manifest stays there by
digest for as long as the repository keeps manifests without a tag.
"""
