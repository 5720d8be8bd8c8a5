"""A desk: the pages and acts of one office, each with the permission it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, make_response

from admin.frame import access, acting
from settlement.officers import MAY
from settlement.outcomes import Refused

View = Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """A line of the menu, for whoever may open it."""

    endpoint: str
    zh: str
    en: str
    may: str


class Desk(Blueprint):
    """``name`` is the first part of its addresses and the folder of its templates (``admin/<name>/templates/<name>/``)."""

    def __init__(self, name: str, import_name: str, zh: str, en: str) -> None:
        super().__init__(name, import_name, url_prefix=f"/{name}", template_folder="templates")
        self.zh, self.en = zh, en
        self.menu: list[Entry] = []

    def page(self, rule: str, *, may: str, menu: tuple[str, str] | None = None) -> Callable[[View], View]:
        """A page to look at (GET). ``menu``: its words in the menu, Chinese and English."""

        def declare(view: View) -> View:
            view.may = may  # type: ignore[attr-defined]
            if menu is not None:
                self.menu.append(Entry(f"{self.name}.{view.__name__}", *menu, may))
            return self.get(rule)(view)

        return declare

    def act(self, rule: str, *, may: str, shows: View | None = None) -> Callable[[View], View]:
        """Something that is done (POST). When it is refused, the page ``shows`` is drawn again (called with the same arguments), with the words
        above and what was filled in still there; without, or for who may not open that page, a page of its own says why."""

        def declare(view: View) -> View:
            @wraps(view)
            def once(**values: Any) -> Response:
                try:
                    return make_response(view(**values))
                except acting.SentBefore:
                    return acting.sent_before()
                except Refused as refused:
                    if shows is None or _closed_to_sender(shows):
                        raise
                    g.refusal = refused
                    response = make_response(shows(**values))
                    response.status_code = refused.reason.words.http
                    return response

            once.may = may  # type: ignore[attr-defined]
            self.post(rule)(once)
            return once

        return declare


def _closed_to_sender(page: View) -> bool:
    """Who may do something need not see the page it is usually done on."""
    rule = getattr(page, "may", None)
    return rule in MAY and not access.may(rule)
