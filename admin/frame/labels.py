"""What a form calls its fields, read from the templates that draw it: for telling somebody what they had filled in, on another page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from flask import Flask, current_app
from jinja2 import nodes
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

Words = tuple[str, str]
COMMON = {
    "why": ("原因", "reason"),
    "reason": ("原因", "reason"),
    "words": ("内容", "words"),
    "month": ("月份", "month"),
}
"""Fields that are drawn without the macros."""
_OF_A_PERSON = re.compile(r"[\u4e00-\u9fff]|^\d{4}-\d{2}(-\d{2})?$")
"""A value that needs no words: in Chinese, a day, a month. Others may be numbers of records, or codes."""


@dataclass
class Form:
    """``act``: what its button says. ``options``: words of what can be chosen, by field and value."""

    act: Words | None = None
    typed: dict[str, Words] = field(default_factory=dict)
    chosen: dict[str, Words] = field(default_factory=dict)
    options: dict[tuple[str, str], str] = field(default_factory=dict)

    def told(self, fields: Iterable[tuple[str, str]]) -> list[tuple[Words, str]]:
        """Each field that a person recognises, with its words; none for what the page itself had put into the form."""
        found: list[tuple[Words, str]] = []
        for name, value in fields:
            words = self.typed.get(name) or self.chosen.get(name) or COMMON.get(name)
            said = value if name in self.typed or _OF_A_PERSON.search(value) else None
            said = self.options.get((name, value), said)
            if words is not None and said:
                found.append((words, said))
        return found


def of(path: str) -> Form:
    """The form that is sent to this address."""
    app = current_app
    try:
        endpoint, _ = app.url_map.bind("localhost").match(path.partition("?")[0], method="POST")
    except (HTTPException, RequestRedirect):
        return Form()
    return _read(app, str(endpoint))


@lru_cache(maxsize=200)
def _read(app: Flask, endpoint: str) -> Form:
    """Read from the form's own block; what a desk's other templates call a field counts where that block does not say."""
    env, loader = app.jinja_env, app.create_global_jinja_loader()
    desk, own, everywhere = endpoint.partition(".")[0], Form(), Form()
    for name in env.list_templates(filter_func=lambda one: one.startswith(f"{desk}/")):
        tree = env.parse(loader.get_source(env, name)[0])
        _add(everywhere, tree.find_all(nodes.Call))
        for block in tree.find_all(nodes.CallBlock):
            if _action(block.call) == endpoint:
                own.act = own.act or _words(block.call, 1)
                _add(own, block.find_all(nodes.Call))
    for name in ("typed", "chosen", "options"):
        setattr(own, name, getattr(everywhere, name) | getattr(own, name))
    return own


def _add(form: Form, calls: Iterable[nodes.Call]) -> None:
    for call in calls:
        name, words = _constant(call, 0), _words(call, 1)
        if not isinstance(name, str) or words is None:
            continue
        match call.node:
            case nodes.Name(name="field"):
                form.typed[name] = words
            case nodes.Name(name="choice"):
                form.chosen[name] = words
                form.options |= {(name, str(value)): said for value, said in _options(call)}


def _options(call: nodes.Call) -> Iterator[tuple[object, str]]:
    try:
        yield from call.args[3].as_const()
    except (IndexError, nodes.Impossible):
        return  # listed by the program


def _action(call: nodes.Call) -> str | None:
    if call.args and isinstance(call.args[0], nodes.Call):
        found = _constant(call.args[0], 0)
        return found if isinstance(found, str) else None
    return None


def _words(call: nodes.Call, first: int) -> Words | None:
    zh, en = _constant(call, first), _constant(call, first + 1)
    return (zh, en) if isinstance(zh, str) and isinstance(en, str) else None


def _constant(call: nodes.Call, place: int) -> object:
    found = call.args[place] if place < len(call.args) else None
    return found.value if isinstance(found, nodes.Const) else None
