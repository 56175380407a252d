"""Services: WHAT can be done, one feature a file; features do not know each other.

Read in this order: ``instance`` (what one registry consists of), ``setup`` (the first start),
``repositories`` (configured over REST), ``readiness`` (whether the storage can serve), ``pruning``
with ``pruning_steps`` and ``pruning_report`` (freeing what nothing needs), ``trashcan`` (what was
deleted, and back), ``history`` (what a tag was, and back), ``promotion`` and ``relocation`` (images
go on to another repository), ``retention`` (deleting tags by rules) and ``regret`` (the rules tried
on the past), ``unused`` (what nobody pulls leaves a cache), ``usage`` with ``usage_books``,
``usage_forecast``, ``usage_lineage`` and ``usage_report`` (what costs how many bytes), ``findings``
(every kind of damage), ``inspection`` (what all checks share), ``checking`` with
``checking_images``, ``checking_folders``, ``checking_blobs``, ``checking_content``,
``checking_trash`` and ``checking_state`` (finding it), ``repairing`` with ``repairing_images``
(putting it right), ``scrubbing`` (reading all content again), ``system_info`` (who this is),
``system_settings`` (its settings, for reading), ``storage_summary`` (how much each repository
holds), ``searching`` with ``searching_facts`` (which items there are), ``aql`` (in rows),
``package_search`` (tags across repositories), ``resolving`` (which member of a virtual repository
answers), ``upstreams`` (how those of remote ones do), ``reverse_proxy`` (the configuration of nginx
or Apache in front), ``web_server`` (its settings over REST), ``deploying``, ``fetching`` and
``removing`` (by the place in the tree), ``doctor`` (the self-test) with ``doctor_wire`` (how it
asks), ``doctor_visit`` (what its checks share), ``doctor_local``, ``doctor_front``,
``doctor_login``, ``doctor_uploads``, ``doctor_pulls`` and ``doctor_belief``; ``permissions`` (who
may change which permission targets), ``explaining`` (why somebody may do something).

May import: repositories and below. May touch: nothing but through them.
"""
