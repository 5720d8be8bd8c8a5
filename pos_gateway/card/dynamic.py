"""The dynamic code: eight large digits and a QR, for a visit or for one amount, good for 30 seconds and once."""

from __future__ import annotations

import io
from unicodedata import normalize

import qrcode
from flask import Response, request
from markupsafe import Markup
from qrcode.image.svg import SvgPathImage

from pos_gateway.api.gateway import here
from pos_gateway.card.frame import blueprint, page, said_of, typed
from pos_gateway.card.sessions import visitor
from settlement.act import begin
from settlement.cards import dynamic_code
from settlement.cards.dynamic_code import LIVES, Purpose
from settlement.money import parse_yuan
from settlement.outcomes import Reason, Refused

MOST_FEN = 100_000_00
"""No debit comes near it: a slip of the finger."""


@blueprint.get("/card/dynamic-code")
def dynamic() -> Response:
    """What the code is to be for."""
    return page("dynamic")


@blueprint.post("/card/dynamic-code")
def make_dynamic() -> Response:
    """A new code. It is shown in this answer and nowhere else; loading the page again asks first, and makes another one."""
    gateway, who = here(), visitor()
    purpose: Purpose = "debit" if request.form.get("purpose") == "debit" else "visit"
    try:
        amount = _amount() if purpose == "debit" else None
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            made = dynamic_code.make(act, gateway.config.ring, who.card_id, purpose, amount)
    except Refused as refused:
        return page("dynamic", refused.reason.words.http, wrong=said_of(refused), given=typed("amount", 20))
    return page(
        "code",
        purpose=purpose,
        amount=amount,
        digits=f"{made.digits[:4]} {made.digits[4:]}",
        code=_svg(made.code),
        lives=int(LIVES.total_seconds()),
    )


def _amount() -> int:
    try:
        amount = parse_yuan(normalize("NFKC", typed("amount", 20)).replace("。", ".").strip(" ¥元"))
    except ValueError:
        amount = 0
    if not 0 < amount <= MOST_FEN:
        raise Refused(
            Reason.BAD_INPUT, detail="金额请写数字，例如 35 或 35.50 the amount in figures, such as 35 or 35.50"
        )
    return amount


def _svg(text: str) -> Markup:
    """A QR as an element of the page. It is drawn by our own code from our own token, nothing of it was typed by anybody."""
    image = qrcode.make(text, image_factory=SvgPathImage, error_correction=qrcode.ERROR_CORRECT_M, border=4)
    drawn = io.BytesIO()
    image.save(drawn)
    return Markup(drawn.getvalue().decode().partition("?>")[2])  # noqa: S704
