"""The runbook as one text: its entry and its pages."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs/OPERATIONS.md", *sorted((ROOT / "docs/operations").glob("*.md")))
RUNBOOK = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
