"""Storage: WHERE bytes lie. The only room that touches the disk and takes locks.

Read in this order: ``layout`` (every path, with the tree drawn), ``atomic`` and ``open_files`` (the
only writers), ``syncing`` and ``ordering`` (making names durable), ``locks``, ``filestore``
(content), ``uploads`` and ``upload_writer``, ``arrivals`` (from an upstream), ``links`` (which
image may show which blob), ``manifests``, ``manifest_reader`` and ``manifest_files`` (manifest
folders and the commit point), ``references`` (what in an image needs what), ``trash``,
``trash_entries`` and ``deletions`` (what was deleted), ``held`` (names about to be freed),
``passes``, ``image_scan``, ``leases``, ``orphans`` and ``upload_sweep`` (what pruning looks at),
``catalog`` (lists), ``journal`` and ``journal_reader`` (who moved which tag), ``pulls``,
``pull_counts`` and ``pull_stats`` (who pulled what), ``walk`` (the tree as it is), ``ownership``
and ``ownership_walk`` (who has which bytes), ``contents`` (whether bytes are right),
``quarantine``, ``damage_notes`` and ``hurt`` (damaged content), ``repairs`` (the writes of a
repair), ``tree`` with ``tree_items`` and ``folder_records`` (what Artifactory's tree shows),
``tree_counting`` (how much that is), ``checksums`` (sha1 and md5 of content), ``index`` (which
items there are, out of memory), ``line_files``, ``tag_records`` (all sidecars of an image),
``documents`` (small JSON files), ``document_folders`` (all of a folder at once),
``upstream_notes`` (what was last heard of each upstream), ``format`` (start-up checks), ``store``
(all of it in one object).

May import: model, config, and filelock in ``locks``. May touch: the storage folder.
Invariants: a name in its final place is complete and durable; bytes under a digest never change;
write order content → link → manifest by digest → tag, delete order the reverse; folders are
removed only with ``rmdir``, and whoever misses a parent makes it and tries again.
"""
