"""The walk's paper: one page with the QR codes that a camera is held to, each with what to type where there is no camera."""

from __future__ import annotations

from html import escape

from settlement.cards import token
from settlement.cards.sheet import qr_svg
from settlement.demo.walk import PIN, Person, Walk
from settlement.money import format_yuan
from settlement.providers import devices

STYLE = """
body { font: 18px/1.5 sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #111; }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin: 0 }
.codes { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem; }
.code { border: 2px solid #444; border-radius: .5rem; padding: 1rem; break-inside: avoid; }
.code svg { width: 13rem; height: 13rem; display: block; margin: .5rem 0; }
kbd { font: 1.1rem monospace; background: #eee; padding: .1rem .3rem; }
"""


def html(walk: Walk, host: str) -> str:
    """The page; ``host``: where the gateway is reached, such as ``http://localhost:8080``."""
    app = f"{host}/caregiver/"
    enrol = _code(
        "1 启用手机 Enrol the phone",
        devices.enrolment_url(host, walk.enrol_code),
        f"启用码 code <kbd>{escape(walk.enrol_code)}</kbd><br>服务人员 caregiver {escape(walk.caregiver)}（工号 staff no {escape(walk.staff_no)}）",
    )
    cards = [
        _code(f"{number} {escape(who.name)}的卡 card", token.url(host, who.code), _about(who))
        for number, who in ((2, walk.wang), (3, walk.neighbour))
    ]
    plate = _code(f"4 {escape(walk.neighbour.name)}家门牌 door plate", token.url(host, walk.neighbour.plate), "")
    return f"""<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>松柏试用 Songbai walk</title>
<style>{STYLE}</style></head><body>
<h1>松柏试用纸 A walk at the door</h1>
<p>演示数据，人都是虚构的。步骤见 README“五分钟走一遍”。 Demo data, nobody is real; the steps are in the README.</p>
<p><a href="{escape(app)}">服务人员的手机页 the caregiver's app</a> ·
<a href="{escape(token.url(host, walk.wang.code))}">{escape(walk.wang.name)}看余额 her balance</a>（密码 PIN <kbd>{PIN}</kbd>）</p>
<div class="codes">{enrol}{"".join(cards)}{plate}</div>
</body></html>
"""


def _code(title: str, content: str, words: str) -> str:
    return f'<section class="code"><h2>{title}</h2>{qr_svg(content)}<p>{words}</p></section>'


def _about(who: Person) -> str:
    left = format_yuan(who.subsidy_fen)
    return f"卡号 card no <kbd>{escape(who.card_no)}</kbd><br>补贴余额 subsidy {left} 元 yuan"
