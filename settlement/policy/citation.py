"""Where a rule comes from: the clause of the notice, or us where the notice is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["default", "press"]
"""Why a rule has no clause: ``default`` is a choice of this system, ``press`` was read in a newspaper only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A table of a scheme that holds figures. Exactly one of ``clause`` and ``source`` is set, so that every figure can be cited."""

    clause: str | None = None
    source: Origin | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """``clause`` is None where the notice is silent; then ``source`` says whose choice the figure is."""

    scheme: str
    version: str
    clause: str | None
    source: Origin | None

    @property
    def zh(self) -> str:
        if self.clause:
            return f"依据文件{self.clause}"
        return "据新闻报道，文件未规定" if self.source == "press" else "文件未规定，采用系统默认"

    @property
    def en(self) -> str:
        if self.clause:
            return f"notice, {self.clause}"
        return "from a press report, not in the notice" if self.source == "press" else "not in the notice: our default"
