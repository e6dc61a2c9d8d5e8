"""The campaign's tables are modules beside the tests; tools/bad_input.py reads the same ones."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
