"""The firmware on this Python."""

from __future__ import annotations

import sys

from appliance.panel.bundle import SOURCES

if str(SOURCES) not in sys.path:
    sys.path.insert(0, str(SOURCES))  # where the board finds `deskbox` and `slots`, too
