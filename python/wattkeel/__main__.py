"""``python -m wattkeel``: the command line."""

from __future__ import annotations

import sys

from wattkeel.cli import main

sys.exit(main())
