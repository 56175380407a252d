"""The protocol as clients see it, written against the reference of the wire, not the code."""
