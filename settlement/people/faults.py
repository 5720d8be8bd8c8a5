"""A fault of a roster: what is wrong, where, and how to mend it. Nothing personal in its words, except masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openpyxl.utils import get_column_letter

from settlement.findings import Finding


@dataclass(frozen=True)
class Problem:
    """What is wrong with one value, before anybody knows where it stands."""

    code: str
    zh: str
    en: str
    mend_zh: str
    mend_en: str


class Wrong(ValueError):
    """Raised by the readers of single cells."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.code)


@dataclass(frozen=True)
class Fault:
    """``row`` and ``column`` count from 1 as the spreadsheet does; None where the whole sheet or row is meant."""

    sheet: str
    row: int | None
    column: int | None
    header: str
    problem: Problem

    @property
    def cell(self) -> str:
        """``C5``, ``5`` for a row, empty for a sheet."""
        letter = get_column_letter(self.column) if self.column else ""
        return f"{letter}{self.row or ''}"

    @property
    def order(self) -> tuple[str, int, int]:
        return self.sheet, self.row or 0, self.column or 0

    @property
    def finding(self) -> Finding:
        subject = f"{self.sheet}!{self.cell} {self.header}".strip()
        problem = self.problem
        return Finding(problem.code, subject, f"{problem.zh}。{problem.mend_zh}", f"{problem.en}. {problem.mend_en}")

    def as_dict(self) -> Mapping[str, Any]:
        problem = self.problem
        place = {
            "sheet": self.sheet,
            "row": self.row,
            "column": get_column_letter(self.column) if self.column else None,
        }
        words = {"zh": problem.zh, "en": problem.en, "mend_zh": problem.mend_zh, "mend_en": problem.mend_en}
        return {**place, "header": self.header, "code": problem.code, **words}
