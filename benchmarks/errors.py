"""The two ways in which a benchmark ends without a figure."""


class CannotStart(Exception):
    """Something the run needs is not there; the message is one sentence with the remedy."""


class MeasurementFailed(Exception):
    """A server did not do the work that was to be timed, so there is no figure for it."""
