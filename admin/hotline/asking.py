"""What an identified caller asks for: the card is lost, please come, this is not right."""

from __future__ import annotations

from flask import Response, redirect, url_for

from admin.frame import forms
from admin.frame.acting import acting, done
from admin.hotline.calling import call, desk
from settlement.supervision import calls, complaints
from settlement.visits import bookings


class Booking(forms.Form):
    items = forms.Many(forms.Text(most=40), load_default=[])
    wanted = forms.Text(most=bookings.LONGEST, load_default="")
    wished_on = forms.Day(load_default=None)


class Complaint(forms.Form):
    subject = forms.Text(most=80)
    kind = forms.Choice(*complaints.KINDS)
    words = forms.Text(most=complaints.LONGEST, load_default="")


def _back(call_id: int, zh: str, en: str) -> Response:
    done(zh, en)
    return redirect(url_for("hotline.call", call_id=call_id), 303)  # type: ignore[return-value]


@desk.act("/calls/<int:call_id>/lost", may="hotline.serve", shows=call)
def report_lost(call_id: int) -> Response:
    with acting() as act:
        calls.report_lost(act, call_id)
    return _back(
        call_id,
        "已挂失，从现在起不能消费。请带身份证到市民卡网点补卡。",
        "Reported lost: nothing can be spent from now on",
    )


@desk.act("/calls/<int:call_id>/booking", may="hotline.serve", shows=call)
def book(call_id: int) -> Response:
    given = forms.read(Booking)
    with acting() as act:
        number = calls.ask(act, call_id, given["items"], given["wanted"], given["wished_on"])
    return _back(call_id, f"预约已登记，编号 {number}", f"The booking is taken down: number {number}")


@desk.act("/calls/<int:call_id>/complaint", may="hotline.serve", shows=call)
def complain(call_id: int) -> Response:
    given = forms.read(Complaint)
    with acting() as act:
        number = calls.complain(act, call_id, given["subject"], given["kind"], given["words"])
    return _back(call_id, f"投诉已登记，编号 {number}，由镇街核实", f"The complaint is taken down: number {number}")
