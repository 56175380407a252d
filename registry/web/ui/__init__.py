"""What the pages in a browser ask for, below ``/ui/api/v1``.

Read: ``signing_in`` (logging in and out, and who is logged in).
"""

from registry.web.ui import signing_in
from registry.web.ui.signing_in import blueprint

__all__ = ["blueprint", "signing_in"]
