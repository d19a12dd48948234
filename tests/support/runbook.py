"""The runbook as one text: its entry and its pages."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs/OPERATIONS.md", *sorted((ROOT / "docs/operations").glob("*.md")))
RUNBOOK = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
OF_PERSONS = re.compile(r"\b(told|said|beside|speaks?|believe[sd]?)\b")
"""What only a person is or does, in the prose of documents, docstrings and messages."""
