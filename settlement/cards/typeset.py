"""Printing with typst: a template of ours, data, and the font that comes along in the package; nothing of the machine is needed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import typst

from settlement.cards import font


def typeset(
    template: Path,
    data: dict[str, Any],
    *,
    timestamp: int,
    format: Literal["pdf", "png"] = "pdf",
    beside: Mapping[str, bytes] | None = None,
) -> Any:
    """The finished file; for ``png`` a list of pages when there are several. Same input and timestamp (seconds since the epoch): the same bytes.

    ``data`` is the template's ``data.json``; its texts must be :func:`font.printable`. ``beside``: other files it opens, by name.
    """
    with TemporaryDirectory() as folder:
        shutil.copyfile(template, Path(folder, template.name))
        Path(folder, "data.json").write_text(json.dumps(data, ensure_ascii=False))
        for name, content in (beside or {}).items():
            Path(folder, name).write_bytes(content)
        options: dict[str, Any] = {"format": format, "font_paths": [str(font.FOLDER)], "ignore_system_fonts": True}
        if format == "pdf":
            # PDF/A refuses a missing glyph instead of printing an empty box.
            options |= {"pdf_standards": ["a-2b"], "pdf_tags": False, "timestamp": timestamp}
        return typst.compile(str(Path(folder, template.name)), **options)
