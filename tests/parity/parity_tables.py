"""All parity cases, in the order in which they are printed."""

from __future__ import annotations

import parity_features
import parity_rows
from parity_case import Case

TABLES: dict[str, list[Case]] = {
    "Sets of features": [c for make in parity_features.CASES for c in make()],
    "Images, boxes, rankings, statistics": [c for make in parity_rows.CASES for c in make()],
}
