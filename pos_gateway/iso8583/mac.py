"""Keys of a terminal and what is done with them: the MAC of a message, the working keys on their way, the PIN block.

A terminal is enrolled with one AES-128 key, which never leaves it. Two keys are derived from it: one for the MAC of every 0800 and 0810,
one that wraps the working keys in field 62 of a key exchange's answer. The working keys, MAC and PIN, are for everything else.
"""

from __future__ import annotations

import hmac
import re
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

KEY_BYTES = 16
MAC_BYTES = 8
_NETWORK_MAC, _WRAP = b"SONGBAI 0800 MAC", b"SONGBAI KEY WRAP"


def mac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC, its first eight bytes. ``data``: everything from the MTI up to the MAC field."""
    return _cmac(key, data)[:MAC_BYTES]


def right(key: bytes, data: bytes, given: bytes) -> bool:
    return hmac.compare_digest(mac(key, data), given)


def network_key(enrolled: bytes) -> bytes:
    """The MAC key of 0800 and 0810, from the key a terminal was enrolled with."""
    return _cmac(enrolled, _NETWORK_MAC)


def check_key(key: bytes) -> None:
    """Raises ValueError for what is no AES-128 key."""
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 16 bytes")


def wrap(enrolled: bytes, mac_key: bytes, pin_key: bytes) -> bytes:
    """Field 62: the MAC key and the PIN key, each wrapped by RFC 3394; 48 bytes."""
    wrapping = _cmac(enrolled, _WRAP)
    return aes_key_wrap(wrapping, mac_key) + aes_key_wrap(wrapping, pin_key)


def unwrap(enrolled: bytes, wrapped: bytes) -> tuple[bytes, bytes]:
    """(MAC key, PIN key). Raises ValueError when they were wrapped for another terminal, or altered."""
    wrapping, half = _cmac(enrolled, _WRAP), len(wrapped) // 2
    try:
        return aes_key_unwrap(wrapping, wrapped[:half]), aes_key_unwrap(wrapping, wrapped[half:])
    except InvalidUnwrap as error:
        raise ValueError("field 62") from error


def _cmac(key: bytes, data: bytes) -> bytes:
    whole = CMAC(algorithms.AES(key))
    whole.update(data)
    return whole.finalize()


# -- PIN block, ISO 9564-1 format 4 -------------------------------------------------------------------------------------------
def seal_pin(key: bytes, pin: str, account: str) -> bytes:
    """Field 126. ``account``: what the block is bound to (``elements.pin_account``), 1 to 19 digits."""
    filled = f"4{len(pin):X}{pin}".ljust(16, "A")
    return _encrypt(key, _xor(_encrypt(key, bytes.fromhex(filled) + secrets.token_bytes(8)), _account_field(account)))


def open_pin(key: bytes, block: bytes, account: str) -> str | None:
    """The PIN, 4 to 12 digits; None when the block was not made with this key for this account, or is no block at all."""
    if len(block) != KEY_BYTES or not re.fullmatch("[0-9]{1,19}", account):
        return None
    plain = _decrypt(key, _xor(_decrypt(key, block), _account_field(account))).hex().upper()
    found = re.fullmatch("4([4-9A-C])([0-9]{4,12})A*", plain[:16])
    return found[2] if found and len(found[2]) == int(found[1], 16) else None


def _account_field(account: str) -> bytes:
    digits = account.zfill(12)
    return bytes.fromhex(f"{len(digits) - 12}{digits}".ljust(32, "0"))


def _encrypt(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)  # noqa: S305 - one block, as the standard says


def _decrypt(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(block)  # noqa: S305


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
