"""Repositories: ONE interface, several kinds.

Read in this order: ``base`` (the interface, with every error), ``definition`` and ``definitions``
(what is configured) with ``known_definitions`` (reading it), ``membership`` (what they promise
together) and ``reach`` (what patterns and blackout leave), ``local`` (over the storage room),
``pushing`` with ``manifest_writer`` (the order of its writes), ``sidecars`` (what is recorded
beside each manifest), ``deleting`` and ``restoring`` (to the trash and back), ``belongings`` (what
comes along with a manifest), ``copying``, ``departing`` and ``transfers`` (from one image to
another), ``immutability`` (tags that stay what they are), ``attempts``, ``untagged`` (how long
manifests without a tag stay), ``touches`` (what would be young after that), ``tag_states`` and
``tag_limit`` (what retention sees, and does at a push), ``refusals``, ``guard`` and ``guarded``
(any repository for one principal), ``items`` and ``guarded_items`` (its tree of files and folders),
``guarded_transfers``, ``unguarded_directory`` and ``directory`` (from key to guarded repository);
``kinds`` (which class is which kind), ``remote`` (a cache of another registry), ``upstream`` (the
client of another registry), ``virtual`` (one name for several repositories).

May import: access and below. May touch: nothing but through the storage room.
Invariants: a handler gets the guarded repository; the raw one has a long name. Writes follow the
order content → link → manifest by digest → tag.
"""
