"""Figures of pulls through a remote repository: ``python -m benchmarks.proxied``.

Debian's docker-registry is the upstream, ours the proxy in front of it, both on this machine. Pulls
from the cache are compared with those from a local repository of the same server, a first pull with
a direct one from upstream and with one through the peer as a proxy; and it is counted how often
upstream is asked.

* `servers`: the registries, started, filled and asked.
* `figures`: the comparisons.
"""
