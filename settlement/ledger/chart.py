"""The chart of accounts: the codes, and what each act moves.

The subsidy is a voucher: issuing it moves no payer's money; only consumption does.
"""

from __future__ import annotations

VOUCHER_CONTROL = "voucher_control"  # scheme:{code}
CARD_SUBSIDY = "card_subsidy"  # card:{id}; guarded; one per lot
CARD_PERSONAL = "card_personal"  # card:{id}; guarded
PROVIDER_CLAIM = "provider_claim"  # provider:{id}/{town}
PROVIDER_CLAIM_PERSONAL = "provider_claim_personal"  # provider:{id}
OPERATOR_TRUST = "operator_trust"  # operator
PAYABLE = "payable"  # provider:{id}
PAYER = "payer"  # payer:{payer} or payer:{payer}/{town}
PAYER_BANK = "payer_bank"  # as payer
RECEIVABLE = "receivable"  # provider:{id} or senior:{id}

# act -> (what is debited, what is credited); contra entries run the other way.
ACTS: dict[str, tuple[str, str]] = {
    "issue": (VOUCHER_CONTROL, CARD_SUBSIDY),
    "take_back": (CARD_SUBSIDY, VOUCHER_CONTROL),
    "lapse": (CARD_SUBSIDY, VOUCHER_CONTROL),
    "debit_subsidy": (CARD_SUBSIDY, PROVIDER_CLAIM),
    "debit_personal": (CARD_PERSONAL, PROVIDER_CLAIM_PERSONAL),
    "top_up": (OPERATOR_TRUST, CARD_PERSONAL),
    "refund": (CARD_PERSONAL, OPERATOR_TRUST),
    "settle": (PROVIDER_CLAIM, PAYABLE),
    "share": (PAYER, VOUCHER_CONTROL),
    "pay": (PAYABLE, PAYER_BANK),
    "fund_transfer": (PAYER_BANK, PAYER_BANK),
    "penalty": (PAYABLE, PAYER),
    "clawback": (RECEIVABLE, PAYER),
    "carry": (RECEIVABLE, PAYABLE),
    "personal_settle": (PROVIDER_CLAIM_PERSONAL, OPERATOR_TRUST),
}


def card(card_id: int) -> str:
    return f"card:{card_id}"


def provider(provider_id: int) -> str:
    return f"provider:{provider_id}"


def provider_in_town(provider_id: int, town: str) -> str:
    return f"provider:{provider_id}/{town}"


def scheme(code: str) -> str:
    return f"scheme:{code}"


def payer(name: str, town: str | None = None) -> str:
    return f"payer:{name}" if town is None else f"payer:{name}/{town}"


OPERATOR = "operator"
