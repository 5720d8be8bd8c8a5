"""MAC, key transport and PIN block against figures that others published."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from pos_gateway.iso8583 import mac

RFC_4493 = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


@pytest.mark.parametrize(
    ("message", "tag"),
    [("", "bb1d6929e9593728"), ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144")],
)
def test_the_mac_is_the_first_half_of_rfc_4493s(message: str, tag: str) -> None:
    assert mac.mac(RFC_4493, bytes.fromhex(message)).hex() == tag


def test_another_bit_another_mac() -> None:
    told = b"0200" + bytes(40)
    tag = mac.mac(KEY, told)
    assert mac.right(KEY, told, tag)
    assert not mac.right(KEY, told[:-1] + b"\x01", tag)
    assert not mac.right(RFC_4493, told, tag)
    assert not mac.right(KEY, told, tag[:4]), "a shorter MAC is easier to guess"
    assert not mac.right(KEY, told, b"")


def test_working_keys_travel_wrapped_for_one_terminal() -> None:
    wrapped = mac.wrap(KEY, b"M" * 16, b"P" * 16)
    assert len(wrapped) == 48
    assert mac.unwrap(KEY, wrapped) == (b"M" * 16, b"P" * 16)
    with pytest.raises(ValueError, match="62"):
        mac.unwrap(RFC_4493, wrapped)
    with pytest.raises(ValueError, match="62"):
        mac.unwrap(KEY, wrapped[:-1] + b"\x00")
    with pytest.raises(ValueError, match="62"):
        mac.unwrap(KEY, b"")


def test_keys_for_one_purpose_each() -> None:
    # The wrapping key is neither the enrolled key nor the network MAC's.
    for other in (KEY, mac.network_key(KEY)):
        assert aes_key_wrap(other, b"M" * 16) != mac.wrap(KEY, b"M" * 16, b"P" * 16)[:24]
    assert mac.network_key(KEY) != KEY


# The key, PINs, account numbers and blocks of the test vectors that independent implementations of ISO 9564 format 4 share.
@pytest.mark.parametrize(
    ("pin", "account", "block"),
    [
        ("1234", "1234567890123456789", "28B41FDDD29B743E93124BD8E32D921E"),
        ("1234", "1234567890123456", "52DB178C6EDCE52E3A70F7FBC8E9C758"),
        ("123456", "123456789012345678", "847A0209C659E4C4A79CA6A2A2217D31"),
        ("12345678", "1234567890123456789", "018BFEC8B5EF60181A327AD8325A2BA4"),
    ],
)
def test_pin_blocks_of_others_are_read(pin: str, account: str, block: str) -> None:
    assert mac.open_pin(KEY, bytes.fromhex(block), account) == pin


@pytest.mark.parametrize("pin", ["1234", "135790", "123456789012"])
@pytest.mark.parametrize("account", ["7", "000123101500", "8812000000001013", "1234567890123456789"])
def test_our_pin_blocks_are_read_back_and_never_look_alike(pin: str, account: str) -> None:
    block = mac.seal_pin(KEY, pin, account)
    assert mac.open_pin(KEY, block, account) == pin
    assert mac.seal_pin(KEY, pin, account) != block


@pytest.mark.parametrize(
    ("key", "account", "cut"),
    [
        (RFC_4493, "8812000000001013", 16),
        (KEY, "8812000000001021", 16),
        (KEY, "8812000000001013", 15),
        (KEY, "x", 16),
        (KEY, "", 16),
    ],
)
def test_a_pin_block_is_of_no_use_elsewhere(key: bytes, account: str, cut: int) -> None:
    block = mac.seal_pin(KEY, "135790", "8812000000001013")
    assert mac.open_pin(key, block[:cut], account) is None
