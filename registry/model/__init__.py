"""Model: WHAT things are. Values, grammar and rules; no input or output.

Read in this order: ``names`` (the words), ``companions`` (signatures by their tags), ``digests``,
``media_types``, ``manifests`` and ``schema1`` (what a manifest refers to), ``properties``,
``property_language``, ``retention_rules``, ``retention`` and ``retention_replay`` (which tags go),
``immutable_tags`` (which never go),
``moments``, ``targets`` (what a command is about), ``reverse_proxy`` (what stands in front),
``diagnosis`` (what a self-test says), ``content``, ``allowance`` (what an upstream leaves us),
``arriving`` (content on its way) and
``waiting`` (for what others do), ``via`` (registries that ask each other), ``repository_fields``
and ``repository_values`` (what is configured of a repository), ``items`` (the tree),
``packages``, ``ant`` (patterns over paths),
``aql`` (finding items), ``paging``, ``bodies``, ``emails``, ``errors`` and ``upstream_errors``
(everything that can go wrong).

May import: the standard library. May touch: nothing outside its arguments.
Invariants: a value that exists is valid; the bytes of a manifest are never re-serialised.
"""
