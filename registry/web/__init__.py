"""Web: ASKED over HTTP. The only room that imports flask and werkzeug.

Read in this order: ``application`` (what every request goes through), ``routing`` (a route
declares its right), ``context`` (what a handler knows), ``authentication``, ``sessions`` (of
browsers), ``addressing`` (links in the form the client used), ``errors`` (the one table from error
to status), ``answers``, ``receiving`` and ``sending`` (bodies), ``paging``, ``finishing`` (what
every answer gets) with ``measuring`` (as what it is counted), ``access_log`` and
``auditing``; ``health``,
``metrics``;
then the blueprints in ``v2``, ``artifactory`` and ``ui``.

May import: services and below. May touch: nothing but through them.
Invariants: every handler reads the same: may I → parse → look → act → answer; it gets guarded
repositories only; every 4xx and 5xx has a JSON body in the dialect of its API.
"""
