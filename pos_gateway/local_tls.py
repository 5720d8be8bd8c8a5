"""A certificate for trying the gateway on a network of one's own: cameras and keys need HTTPS on every address but this machine's own.

A small root of our own signs it. A phone that is to trust the gateway installs the root once; the root may vouch for the given names and
addresses only, and its key is thrown away at once, so nobody can make it vouch for anything else. For the public, use a real authority's.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = timedelta(days=397)
"""Browsers refuse longer ones."""
RENEWED_BEFORE = timedelta(days=30)
ALWAYS = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Certificate:
    """Files: what the server shows, its key (for its user only), and the root that a phone installs."""

    chain: Path
    key: Path
    root: Path


def ensure(folder: Path, names: Sequence[str], now: datetime) -> Certificate:
    """The certificate in ``folder`` for these host names and addresses; made anew where there is none, it ends soon, or a name is missing.
    Raises ValueError for a name that is neither a host name nor an address."""
    found = Certificate(folder / "server.pem", folder / "server.key", folder / "root.crt")
    wanted = [_general(name) for name in dict.fromkeys((*ALWAYS, *names))]
    if all(file.is_file() for file in (found.chain, found.key, found.root)) and _serves(found.chain, wanted, now):
        return found
    folder.mkdir(parents=True, exist_ok=True)
    authority, secret = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _root(authority, wanted, now)
    leaf = _leaf(secret.public_key(), authority, root, wanted, now)
    pem = serialization.Encoding.PEM
    plain = secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    found.key.unlink(missing_ok=True)
    with os.fdopen(os.open(found.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(plain)
    found.root.write_bytes(root.public_bytes(pem))
    found.chain.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    return found


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _serves(chain: Path, wanted: Sequence[x509.GeneralName], now: datetime) -> bool:
    leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    named = set(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    return set(wanted) <= named and leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc - RENEWED_BEFORE


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _begun(now: datetime) -> x509.CertificateBuilder:
    begun = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return begun.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + VALID_FOR)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _root(authority: ec.EllipticCurvePrivateKey, wanted: Sequence[x509.GeneralName], now: datetime) -> x509.Certificate:
    def only(name: x509.GeneralName) -> x509.GeneralName:
        return x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name

    name = _name("松柏试用根证书 Songbai trial root")
    return (
        _begun(now)
        .subject_name(name)
        .issuer_name(name)
        .public_key(authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints([only(one) for one in wanted], None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePublicKey,
    authority: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    wanted: Sequence[x509.GeneralName],
    now: datetime,
) -> x509.Certificate:
    return (
        _begun(now)
        .subject_name(_name("songbai"))
        .issuer_name(root.subject)
        .public_key(key)
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
