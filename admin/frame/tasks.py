"""Long work in the background: asked for by an officer, done in a thread of the console, watched on a page.

Only what may be done again is done this way: a task that was cut off (the process ended) says so, and is asked for anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Row, insert, select, update

from admin.frame import acting
from admin.frame.access import officer
from admin.frame.console import Console, here
from admin.tables import tasks
from settlement.act import Act, Actor, begin
from settlement.db import reading
from settlement.faults import where
from settlement.outcomes import Reason, Refused

SILENT = timedelta(minutes=10)
"""A task that gave no sign of life for so long was cut off."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A task at work. ``arguments``: as it was asked for."""

    id: int
    console: Console
    actor: Actor
    arguments: dict[str, Any]

    def act(self) -> AbstractContextManager[Act]:
        """A transaction of its officer's."""
        return begin(self.console.engine, self.actor, self.console.now())

    def tell(self, done: int, total: int | None = None) -> None:
        """How far it has come, in whatever it counts."""
        with self.console.engine.begin() as conn:
            values = {"done": done, "total": total, "alive_at": self.console.now()}
            conn.execute(update(tasks).where(tasks.c.id == self.id).values(values))


Work = Callable[[Running], dict[str, Any]]
"""Answers {zh, en, path}: what was done, and the page to go on to."""


@dataclass(frozen=True)
class Kind:
    zh: str
    en: str
    work: Work


KINDS: dict[str, Kind] = {}


def kind(name: str, zh: str, en: str) -> Callable[[Work], Work]:
    """Declare a kind of task."""

    def declare(work: Work) -> Work:
        KINDS[name] = Kind(zh, en, work)
        return work

    return declare


def start(name: str, **arguments: Any) -> int:
    """Ask for a task, once per form sent; its id. The caller has checked who may. Raises Refused(TASK_RUNNING) when the same is at work."""
    console, who = here(), officer()
    t = tasks.c
    with acting.acting() as act:
        at_work = select(t.id, t.arguments).where(t.kind == name, t.status == "running", t.alive_at > act.now - SILENT)
        if any(row.arguments == arguments for row in act.conn.execute(at_work)):
            raise Refused(Reason.TASK_RUNNING)
        row = {"kind": name, "arguments": arguments, "officer_id": who.id, "status": "running", "done": 0}
        row |= {"asked_at": act.now, "alive_at": act.now}
        id: int = act.conn.execute(insert(tasks).values(row).returning(t.id)).scalar_one()
    running = Running(id, console, who.actor, arguments)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    threading.Thread(target=_work, args=(running, KINDS[name], app), name=f"task-{id}").start()
    return id


def of(task_id: int) -> Row[Any]:
    """A task of the present officer's. Raises Refused(NOT_FOUND)."""
    t = tasks.c
    with reading(here().engine) as conn:
        row = conn.execute(select(tasks).where(t.id == task_id, t.officer_id == officer().id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="task")
    return row


def cut_off(task: Row[Any]) -> bool:
    return task.status == "running" and bool(task.alive_at < here().now() - SILENT)


def _work(running: Running, kind: Kind, app: Any) -> None:
    ended: dict[str, Any]
    try:
        with app.app_context():
            ended = {"status": "done", "result": kind.work(running)}
    except Refused as refused:
        details = {name: str(value) for name, value in refused.details.items()}
        ended = {"status": "refused", "refusal": {"code": refused.reason.name, "details": details}}
    except Exception as error:  # nobody waits for this thread: what went wrong is told on the task's page
        log.error("task %s failed: %s", running.id, where(error))
        ended = {"status": "failed"}
    with running.console.engine.begin() as conn:
        values = ended | {"ended_at": running.console.now(), "alive_at": running.console.now()}
        conn.execute(update(tasks).where(tasks.c.id == running.id).values(values))
