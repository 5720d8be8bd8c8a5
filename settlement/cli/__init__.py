"""The command line: ``songbai``. One module per family of verbs; this one puts them together."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from settlement.cli import (
    agent,
    backup,
    badges,
    balance,
    booking,
    cards,
    close,
    common,
    complaint,
    console,
    corrections,
    demo,
    explain,
    find,
    fraud,
    gateway,
    house,
    iso8583,
    issue,
    messages,
    officers,
    pay,
    people,
    pins,
    prices,
    providers,
    roster,
    scheduler,
    scheme,
    seal,
    senior,
    serve,
    statement,
    terminals,
    visits,
)
from settlement.cli.common import Desk
from settlement.errors import BrokenInvariant
from settlement.outcomes import Refused

NO_TABLES = (
    "这个数据库里还没有松柏的表，或版本较旧。请核对 --db（SONGBAI_DB），新库请先运行：songbai init\n"
    "this database has no tables of Songbai, or older ones; look at --db (SONGBAI_DB), or run: songbai init"
)


class Songbai(click.Group):
    """Turns refusals, broken invariants and wrong use into words and exit codes, for every command alike."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as wrong:
            common.tell_wrong_use(wrong)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.UsageError as wrong:
            common.tell_wrong_use(wrong)
        except Refused as refusal:
            common.tell_refusal(refusal, as_json="--json" in sys.argv)
        except BrokenInvariant as broken:
            click.echo(
                f"账目自相矛盾，已停止，未写入任何内容：{broken}\nbroken invariant, nothing was written: {broken}",
                err=True,
            )
        except DBAPIError as error:
            if common.has_no_tables(error):
                click.echo(NO_TABLES, err=True)
                raise click.exceptions.Exit(common.FINDINGS) from error
            # What it says about a row quotes the row; about tables and connections it may speak.
            quotes = not isinstance(error, OperationalError | ProgrammingError)
            told = type(error).__name__ if quotes else f"{type(error).__name__}: {error.orig}"
            click.echo(
                f"数据库出错，未写入任何内容：{told}\nthe database failed, nothing was written: {told}", err=True
            )
        raise click.exceptions.Exit(common.FINDINGS)


@click.group(cls=Songbai, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--db",
    envvar="SONGBAI_DB",
    default=common.DEFAULT_DB,
    show_default=True,
    help="数据库 database of the district (SONGBAI_DB)",
)
@click.option("--schema", envvar="SONGBAI_SCHEMA", help="PostgreSQL模式名 the district's schema (SONGBAI_SCHEMA)")
@click.option(
    "--keys",
    envvar="SONGBAI_KEYS",
    type=click.Path(path_type=Path),
    help="密钥文件 key ring (SONGBAI_KEYS); default: keys.json beside the database",
)
@click.version_option(package_name="songbai")
@click.pass_context
def main(ctx: click.Context, db: str, schema: str | None, keys: Path | None) -> None:
    """松柏：养老服务补贴从公告到付款。 Subsidised elderly care, from the notice to the payment order."""
    ctx.obj = Desk(db, schema, keys)


@main.group("import")
def imports() -> None:
    """导入 Bring in rosters, prices, places."""


main.add_command(scheme.scheme)
main.add_command(prices.prices)
imports.add_command(prices.import_prices)
main.add_command(providers.provider)
main.add_command(providers.caregiver)
providers.caregiver.add_command(badges.badge_command)
providers.caregiver.add_command(badges.pin_command)
main.add_command(gateway.gateway)
main.add_command(gateway.device)
main.add_command(serve.serve)
main.add_command(console.admin)
main.add_command(house.init)
main.add_command(officers.officer)
main.add_command(house.verify_command)
main.add_command(seal.seal)
main.add_command(seal.key_group)
main.add_command(demo.demo)
main.add_command(roster.roster)
main.add_command(people.enrol)
imports.add_command(roster.import_command)
imports.add_command(people.import_places)
imports.add_command(people.import_days)
main.add_command(fraud.fraud)
main.add_command(scheduler.scheduler)
main.add_command(close.close)
main.add_command(close.adjust)
main.add_command(close.outputs)
main.add_command(pay.pay)
main.add_command(explain.explain)
main.add_command(statement.statement)
main.add_command(balance.balance)
main.add_command(cards.card)
cards.card.add_command(pins.pin)
main.add_command(cards.cards)
main.add_command(issue.issue)
main.add_command(senior.senior)
senior.senior.add_command(find.find)
main.add_command(visits.quarantine)
main.add_command(visits.visits)
visits.visits.add_command(corrections.correct)
visits.visits.add_command(corrections.evidence_command)
visits.visits.add_command(corrections.waiting_command)
main.add_command(terminals.terminal)
terminals.terminal.add_command(iso8583.simulate)
terminals.terminal.add_command(iso8583.chip_card)
main.add_command(iso8583.iso8583)
main.add_command(backup.backup_key)
main.add_command(backup.backup)
main.add_command(backup.restore)
main.add_command(agent.agent)
main.add_command(booking.booking)
main.add_command(complaint.complaint)
main.add_command(messages.messages)
