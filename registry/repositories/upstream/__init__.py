"""The client of an upstream registry: the only place that asks another server for anything.

Read in this order: ``values`` (what is answered), ``names`` (where an upstream is, and what it
calls an image), ``terms`` (what is configured of it), ``client`` (one upstream registry) and
``upstreams`` (those of all remote repositories). Below them: ``failures`` (why an upstream did not
say what it was asked), ``calls`` (how long one may take), ``addresses`` (which addresses may be
connected to) with ``sockets`` and ``doors`` (connecting to them), ``redirects``, ``challenges``,
``realms``, ``tokens`` and ``authorizing`` (who we are, and to whom that is told), ``answers`` and
``requesting`` (one request until its answer), ``limits``, ``pausing`` and ``bulkhead`` (when an
upstream is not asked), ``condition`` and ``remembering`` (what all processes know of it),
``verdicts`` (what an answer means), ``manifests``, ``blobs`` with ``transfers``, and ``lists``
(what is asked for).

May import: access and below, requests and urllib3. May touch: the network.
Invariants: absent is None, and whatever else goes wrong raises an UpstreamError. The address that
an admin configures is trusted; what an upstream names is not. Credentials go to that address and
to its own token service. No message or log line has a password, a token, or the query of an
address.
"""
