"""What a check found: data for the caller to show or to act on (``songbai verify``, roster imports, scheme checks)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One fault. ``subject`` names the account, document or cell; ``records`` every record that disagrees; nothing personal in either."""

    code: str
    subject: str
    zh: str
    en: str
    records: tuple[str, ...] = field(default=())
