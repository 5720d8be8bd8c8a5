"""What a signal is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from settlement.fraud.scope import Scope

Params = Mapping[str, int]


@dataclass(frozen=True)
class Hit:
    """One visit that a signal found.

    ``rows`` are the records that show it (``visit:…``, ``debit:…``, ``caregiver:…``), ``measured`` what was seen; ``threshold`` is given only
    where it is not simply the signal's parameters.
    """

    visit_id: str
    rows: tuple[str, ...]
    measured: Mapping[str, Any]
    threshold: Mapping[str, Any] = field(default_factory=dict)


Find = Callable[[Connection, Scope, Params], Iterator[Hit]]


@dataclass(frozen=True)
class Signal:
    """``zh`` and ``en`` tell a hit: placeholders are filled from what was measured and from the thresholds.

    ``rule`` is the path of the scheme's rule that the threshold comes from (``Scheme.clause``); None: the signal's own entry.
    """

    code: str
    zh: str
    en: str
    find: Find
    rule: str | None = None


def rows(kind: str, *ids: object) -> tuple[str, ...]:
    return tuple(f"{kind}:{each}" for each in ids)
