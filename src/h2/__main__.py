"""`python -m h2`: see :mod:`h2._cli.arguments`."""
# PYTHON_ARGCOMPLETE_OK - shells that complete with argcomplete look for this

from __future__ import annotations

import sys

from h2._cli.arguments import main

if __name__ == "__main__":
    sys.exit(main())
