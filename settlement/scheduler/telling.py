"""The jobs that tell seniors of their money: found in short transactions, sent outside of any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from settlement import keys
from settlement.act import Act
from settlement.closing import announcing
from settlement.keys import KeyRing
from settlement.messages import announce, answers, outbox, senders
from settlement.outcomes import Reason, Refused
from settlement.scheduler.job import Done, Lease, Outcome

ROUND = 20
"""Messages sent between two renewals of the lease: each may take as long as ``carrier.TIMEOUT``."""

Telling = Callable[[Act, KeyRing], int]

NEWS: tuple[Telling, ...] = (
    announce.debits,
    announce.given_back,
    announcing.given_back,
    answers.complaints_decided,
    answers.bookings_answered,
    answers.agents_appointed,
)


def ring_of(lease: Lease, keys_file: Path | None) -> KeyRing:
    """The district's keys. Raises Refused(NOT_FOUND)."""
    file = lease.engine.url.database if lease.engine.dialect.name == "sqlite" else None
    path = keys_file or keys.ring_path(Path(file) if file else None)
    if not path.is_file():
        raise Refused(Reason.NOT_FOUND, what=f"{path} (songbai init)")
    return keys.load(path)


def send_messages(lease: Lease, period: str, keys_file: Path | None = None) -> Outcome:
    """Announce what is new, then send what is due. Without a carrier everything waits in the outbox, or on paper."""
    ring = ring_of(lease, keys_file)
    left = sum(_all(lease, ring, tell) for tell in NEWS)
    told = f"新消息 {left} 条 new messages"
    sender = senders.from_environment()
    if sender is None:
        return Done(f"{told}；没有配置短信通道，未发送 no carrier is configured (SONGBAI_SMS_URL)")
    sent = waiting = given_up = 0
    while True:
        with lease.begin():  # renews it
            pass
        done = outbox.deliver(lease.engine, ring, sender, lease.clock, ROUND)
        sent, waiting, given_up = sent + done.sent, waiting + done.waiting, given_up + done.given_up
        if done.sent + done.waiting + done.given_up < ROUND:
            break
    return Done(f"{told}；已发送 {sent} sent，稍后重试 {waiting} to be tried again，未能送达 {given_up} given up")


def warn_of_lapses(lease: Lease, period: str, keys_file: Path | None = None) -> Outcome:
    """Tell of money that lapses within a month. It is sent with the other messages."""
    left = _all(lease, ring_of(lease, keys_file), announce.lapses)
    return Done(f"到期提醒 {left} 条 notices" if left else "无需办理 nothing to do")


def _all(lease: Lease, ring: KeyRing, tell: Telling) -> int:
    """Batch after batch, each in its own transaction."""
    left = 0
    while True:
        with lease.begin() as act:
            found = tell(act, ring)
        if not found:
            return left
        left += found
