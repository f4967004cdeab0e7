"""A certificate of our own, as an operator's: key and certificate in a PKCS #12 file."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache

from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import PdfSignatureStatus, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

NAME = "Endoscopy, Dr. Zoë Müller"
PASSPHRASE = "a secret that no log may hold"


@cache
def certificate() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """Signed by itself, for ten years around the tests' day."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"), False
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, content_commitment=True, key_cert_sign=True, **usage), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    return key, made


def pkcs12_file(passphrase: str = PASSPHRASE) -> bytes:
    """What an operator keeps."""
    key, made = certificate()
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return pkcs12.serialize_key_and_certificates(b"report", key, made, None, encryption)


def certificate_bytes() -> bytes:
    """DER."""
    return certificate()[1].public_bytes(serialization.Encoding.DER)


def signature_status(data: bytes) -> PdfSignatureStatus:
    """What pyHanko finds of the one signature of a PDF, where this certificate is trusted."""
    (signature,) = PdfFileReader(io.BytesIO(data)).embedded_signatures
    trusted = ValidationContext(trust_roots=[Certificate.load(certificate_bytes())], allow_fetching=False)
    with ThreadPoolExecutor(1) as apart:  # it runs an event loop, and a browser has one in this thread
        return apart.submit(validate_pdf_signature, signature, trusted).result()
