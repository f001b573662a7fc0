"""The example of ``docs/own-table.md``: its CSV file and its spec."""

from __future__ import annotations

import json
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "own-table.md"


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return found


CSV = block("csv")
SPEC = json.loads(block("json"))
