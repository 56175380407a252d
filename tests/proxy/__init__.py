"""The server behind a reverse proxy, with the configuration that the registry itself writes.

Read in this order: ``backend`` (a server on a unix socket), ``fronts`` (nginx before it, in each of
the three methods), ``wire`` (raw HTTP through a front), ``enclave`` (a network of its own, with
names, certificates and real clients). The proxies listen on free ports of this machine for raw
tests, and on fixed ones inside the enclave for real clients.
"""
