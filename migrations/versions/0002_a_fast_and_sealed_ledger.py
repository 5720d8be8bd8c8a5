"""A fast and sealed ledger: room for balances to move, keys that only cost the rows that need them, cuts, folds and seals.

Revision 0002, after 0001.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# On PostgreSQL a row's number is drawn only by a transaction that has its own number already: settlement/ledger/horizon.py relies on it.
NUMBERED = {"ledger_transfers": "seq", "audit_rows": "id"}

# Some acts have a row for everybody, nearly all have one or two. PostgreSQL would judge by the few large ones and read the whole ledger for
# each debit, to see whether its act stands already.
FEW_ROWS_EACH = ("group_id", "reference")


def upgrade() -> None:
    op.create_table(
        "ledger_cuts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "transfers_upto", sa.BigInteger(), nullable=False, comment="the highest ledger_transfers.seq then visible"
        ),
        sa.Column("audit_upto", sa.BigInteger(), nullable=False, comment="the highest audit_rows.id then visible"),
        sa.Column(
            "server", sa.String(length=40), nullable=False, comment="whose transactions these are; empty on SQLite"
        ),
        sa.Column(
            "next_transaction",
            sa.BigInteger(),
            nullable=False,
            comment="no transaction that could still write below is newer",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_cuts")),
    )
    op.create_table(
        "ledger_day_totals",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="effective_on"),
        sa.Column("debits", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("first_recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("last_recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_ledger_day_totals")),
    )
    op.create_table(
        "ledger_month_totals",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False, comment="of effective_on"),
        sa.Column("debits", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "month", name=op.f("pk_ledger_month_totals")),
    )
    op.create_table(
        "ledger_folds",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column(
            "upto",
            sa.BigInteger(),
            nullable=False,
            comment="ledger_transfers.seq up to which ledger_day_totals holds every transfer",
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_ledger_folds_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_folds")),
    )
    op.create_table(
        "ledger_seal_leaves",
        sa.Column("seal", sa.Integer(), nullable=False),
        sa.Column("book", sa.String(length=10), nullable=False, comment="transfers | audit"),
        sa.Column("span", sa.Integer(), nullable=False, comment="0, 1, 2 …"),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column(
            "root", sa.String(length=64), nullable=False, comment="of this span's leaves: a node of the seal's tree"
        ),
        sa.Column(
            "leaves",
            sa.LargeBinary(),
            nullable=False,
            comment="the numbers, 8 bytes each, then the leaf hashes, 32 bytes each",
        ),
        sa.Column(
            "signature", sa.String(length=120), nullable=False, comment="Ed25519 over the statement of the span, base64"
        ),
        sa.PrimaryKeyConstraint("seal", "book", "span", name=op.f("pk_ledger_seal_leaves")),
    )
    op.create_table(
        "ledger_seals",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="1, 2, 3 … without gaps"),
        sa.Column("day", sa.Date(), nullable=False, comment="the day it was made, in the district's time zone"),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.Column("transfers_after", sa.BigInteger(), nullable=False),
        sa.Column("transfers_upto", sa.BigInteger(), nullable=False),
        sa.Column("transfers_count", sa.BigInteger(), nullable=False),
        sa.Column("transfers_root", sa.String(length=64), nullable=False, comment="SHA-256, hexadecimal"),
        sa.Column("audit_after", sa.BigInteger(), nullable=False),
        sa.Column("audit_upto", sa.BigInteger(), nullable=False),
        sa.Column("audit_count", sa.BigInteger(), nullable=False),
        sa.Column("audit_root", sa.String(length=64), nullable=False),
        sa.Column(
            "previous",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of the seal before; zeros before the first",
        ),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column(
            "signature", sa.String(length=120), nullable=False, comment="Ed25519 over the statement of the seal, base64"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_seals")),
    )
    op.drop_index("ix_ledger_transfers_credit", table_name="ledger_transfers")
    op.drop_index("ix_ledger_transfers_debit", table_name="ledger_transfers")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_on_sqlite()
    else:
        for name in ("hold_id", "reverses_id"):
            op.drop_constraint(f"uq_ledger_transfers_{name}", "ledger_transfers", type_="unique")
            op.drop_constraint(f"fk_ledger_transfers_{name}_ledger_transfers", "ledger_transfers", type_="foreignkey")
        for side in ("debit", "credit"):
            name = f"fk_ledger_transfers_{side}_account_id_ledger_accounts"
            op.drop_constraint(name, "ledger_transfers", type_="foreignkey")
        op.execute("ALTER TABLE ledger_accounts SET (fillfactor = 70)")
        for name in FEW_ROWS_EACH:
            op.execute(f"ALTER TABLE ledger_transfers ALTER COLUMN {name} SET (n_distinct = -0.3)")
        for table, column in NUMBERED.items():
            drawn = f"nextval('{table}_{column}_seq'::regclass)"
            op.execute(
                f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT CASE WHEN pg_current_xact_id() IS NOT NULL THEN {drawn} END"
            )
    for name in ("hold_id", "reverses_id"):
        named = sa.text(f"{name} IS NOT NULL")
        index = f"uq_ledger_transfers_{name}"
        op.create_index(index, "ledger_transfers", [name], unique=True, postgresql_where=named, sqlite_where=named)
    for side in ("debit", "credit"):
        op.create_index(f"ix_ledger_transfers_{side}", "ledger_transfers", [f"{side}_account_id", "seq"])
    _visits(["provider_id", "town"], "void_reason IS NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE visits SET (fillfactor = 50)")
    _statement_lines(keys=False)


def downgrade() -> None:
    _statement_lines(keys=True)
    _visits(["provider_id", "town", "status"], "status <> 'void'")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE visits RESET (fillfactor)")
    for side in ("debit", "credit"):
        op.drop_index(f"ix_ledger_transfers_{side}", table_name="ledger_transfers")
    for name in ("hold_id", "reverses_id"):
        op.drop_index(f"uq_ledger_transfers_{name}", table_name="ledger_transfers")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_on_sqlite(*_keys_of_0001())
    else:
        for table, column in NUMBERED.items():
            op.execute(
                f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval('{table}_{column}_seq'::regclass)"
            )
        op.execute("ALTER TABLE ledger_accounts RESET (fillfactor)")
        for name in FEW_ROWS_EACH:
            op.execute(f"ALTER TABLE ledger_transfers ALTER COLUMN {name} RESET (n_distinct)")
        for name in ("hold_id", "reverses_id"):
            op.create_unique_constraint(f"uq_ledger_transfers_{name}", "ledger_transfers", [name])
            key = f"fk_ledger_transfers_{name}_ledger_transfers"
            op.create_foreign_key(key, "ledger_transfers", "ledger_transfers", [name], ["id"])
        for side in ("debit", "credit"):
            key, column = f"fk_ledger_transfers_{side}_account_id_ledger_accounts", f"{side}_account_id"
            op.create_foreign_key(key, "ledger_transfers", "ledger_accounts", [column], ["id"])
    for side in ("debit", "credit"):
        op.create_index(f"ix_ledger_transfers_{side}", "ledger_transfers", [f"{side}_account_id", "effective_on"])
    for table in (
        "ledger_seals",
        "ledger_seal_leaves",
        "ledger_folds",
        "ledger_month_totals",
        "ledger_day_totals",
        "ledger_cuts",
    ):
        op.drop_table(table)


def _visits(by_provider: list[str], served_once: str) -> None:
    """No index of a visit says whether it is paid, so that paying a month's visits touches none."""
    op.drop_index("ix_visits_provider_town", table_name="visits")
    op.create_index("ix_visits_provider_town", "visits", by_provider)
    op.drop_index("uq_visits_order", table_name="visits")
    where = sa.text(served_once)
    op.create_index("uq_visits_order", "visits", ["order_id"], unique=True, postgresql_where=where, sqlite_where=where)


def _statement_lines(keys: bool) -> None:
    """With or without a key check for each line; on SQLite by a new table."""
    table = "statement_lines"
    named = {
        f"fk_{table}_{column}_{other}": (column, other)
        for column, other in (("visit_id", "visits"), ("statement_id", "statements"), ("debit_id", "debits"))
    }
    if op.get_bind().dialect.name == "postgresql":
        for name, (column, other) in named.items():
            if keys:
                op.create_foreign_key(name, table, other, [column], ["id"])
            else:
                op.drop_constraint(name, table, type_="foreignkey")
        return
    constraints: list[Any] = [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(name)) for name, (column, other) in named.items()
    ]
    op.drop_index("ix_statement_lines_statement", table_name=table)
    new = op.create_table(
        f"{table}_new",
        sa.Column("visit_id", sa.String(40), nullable=False),
        sa.Column("statement_id", sa.String(80), nullable=False),
        sa.Column("debit_id", sa.String(64), nullable=False),
        sa.Column("service_month", sa.String(7), nullable=False),
        sa.Column("subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column("personal_fen", sa.BigInteger(), nullable=False),
        *(constraints if keys else []),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_statement_lines")),
        sa.UniqueConstraint("debit_id", name=op.f("uq_statement_lines_debit_id")),
    )
    names = ", ".join(column.name for column in new.columns)
    op.execute(f"INSERT INTO {table}_new ({names}) SELECT {names} FROM {table} ORDER BY visit_id")
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)
    op.create_index("ix_statement_lines_statement", table, ["statement_id"])


def _rebuild_on_sqlite(*keys: Any) -> None:
    """SQLite drops no constraint: the rows move to a table without those that go, in one transaction with the rest."""
    new = op.create_table(
        "ledger_transfers_new",
        sa.Column("seq", ROW_ID, nullable=False),
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("group_id", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("debit_account_id", ROW_ID, nullable=False),
        sa.Column("credit_account_id", ROW_ID, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("reference", sa.String(120), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.String(100)),
        sa.Column("reverses_id", sa.String(100)),
        sa.Column("expires_at", sa.BigInteger()),
        sa.CheckConstraint(
            "(kind IN ('post_hold','void_hold','expire_hold')) = (hold_id IS NOT NULL)",
            name=op.f("ck_ledger_transfers_hold_named"),
        ),
        sa.CheckConstraint(
            "kind IN ('posted','hold','post_hold','void_hold','expire_hold')", name=op.f("ck_ledger_transfers_kind")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_transfers_amount_positive")),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name=op.f("ck_ledger_transfers_two_accounts")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_transfers")),
        sa.UniqueConstraint("id", name=op.f("uq_ledger_transfers_id")),
        *keys,
    )
    names = ", ".join(column.name for column in new.columns)
    op.execute(f"INSERT INTO ledger_transfers_new ({names}) SELECT {names} FROM ledger_transfers ORDER BY seq")
    op.drop_table("ledger_transfers")
    op.rename_table("ledger_transfers_new", "ledger_transfers")
    for name in ("group", "reference"):
        op.create_index(f"ix_ledger_transfers_{name}", "ledger_transfers", ["group_id" if name == "group" else name])


def _keys_of_0001() -> list[Any]:
    keys: list[Any] = []
    for name in ("hold_id", "reverses_id"):
        keys.append(sa.UniqueConstraint(name, name=op.f(f"uq_ledger_transfers_{name}")))
        # Named as it will be: renaming a table renames what points at it.
        key = op.f(f"fk_ledger_transfers_{name}_ledger_transfers")
        keys.append(sa.ForeignKeyConstraint([name], ["ledger_transfers_new.id"], name=key))
    for side in ("debit", "credit"):
        key = op.f(f"fk_ledger_transfers_{side}_account_id_ledger_accounts")
        keys.append(sa.ForeignKeyConstraint([f"{side}_account_id"], ["ledger_accounts.id"], name=key))
    return keys
