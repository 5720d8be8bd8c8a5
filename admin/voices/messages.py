"""Messages that could not be delivered: listed without names, telephones and texts, and tried again."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.voices.complaints import desk
from settlement.messages import outbox
from settlement.messages.tables import messages
from settlement.messages.words import CHANNELS, KINDS, STATUS
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors

MOST = 200
"""Tried again at once."""


class Ticked(forms.Form):
    messages = forms.Many(forms.Number(least=1, most=forms.LARGEST_ID))


@desk.page("/messages", may="messages.read", menu=("未能送达的消息", "Messages not delivered"))
def undelivered() -> object:
    """``?status``: given up unless asked otherwise."""
    status = request.args.get("status", "given_up")
    m, s = messages.c, seniors.c
    columns = [
        Column("no", "编号", "no.", m.id, "number"),
        Column("senior_id", "老人编号", "senior", m.senior_id, "number"),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column("kind", "事项", "about", m.kind, words=lambda code: " ".join(KINDS.get(code, (code, "")))),
        Column("channel", "渠道", "channel", m.channel, words=lambda code: " ".join(CHANNELS.get(code, (code, "")))),
        Column("status", "状态", "state", m.status, words=lambda code: " ".join(STATUS[code])),
        Column("attempts", "次数", "tries", m.attempts, "number"),
        Column("error", "错误", "error", m.error),
        Column("created_at", "产生", "made", m.created_at, "moment"),
        Column("ended_at", "结束", "ended", m.ended_at, "moment"),
    ]
    query = scope.people(select().select_from(messages).join(seniors, s.id == m.senior_id))
    query = query.where(m.status == status) if status else query
    with looking() as conn:
        found = listing.look(conn, query, columns, sort="-created_at", name="messages")
    if found.download is not None:
        return found.download
    states = [(code, " ".join(words)) for code, words in STATUS.items()]
    return render_template("voices/messages.html", found=found, status=status, states=states)


@desk.act("/messages/retry", may="message.retry", shows=undelivered)
def retry() -> Response:
    wanted = sorted(set(forms.read(Ticked)["messages"]))
    if len(wanted) > MOST:
        raise Refused(Reason.BAD_INPUT, detail=f"一次最多{MOST}条 | at most {MOST} at once")
    with acting() as act:
        for message_id in wanted:
            outbox.retry(act, message_id)
    done(f"{len(wanted)} 条将重新发送", f"{len(wanted)} will be sent again")
    return redirect(url_for("voices.undelivered"), 303)  # type: ignore[return-value]
