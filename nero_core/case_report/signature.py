"""A digital signature (PAdES) in a PDF that is set, with the certificate that the operator names.

The signed file is the PDF with an increment: nothing before it changes. The signature has no place on the page, and its
field lies outside of it, so that PDF/A and PDF/UA hold. An RSA key (PKCS #1 v1.5) gives the same bytes each time; other
keys draw a random number. The time in it is the day of the report at 0:00 UTC, by the word of whoever signs: no
time-stamp authority is asked, and nothing goes over the network.
"""

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nero_core.case_report.pdf import pdf_report
from nero_core.case_report.records import CaseReport
from nero_core.errors import NeroError

if TYPE_CHECKING:
    from cryptography import x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers import PdfSigner, SimpleSigner

CERTIFICATE_VARIABLE = "NERO_REPORT_CERTIFICATE"  # a PKCS #12 file: key, certificate, and those that issued it
PASSPHRASE_VARIABLE = "NERO_REPORT_PASSPHRASE"
PASSPHRASE_FILE_VARIABLE = "NERO_REPORT_PASSPHRASE_FILE"  # its first line; goes before the variable
FIELD = "Signature"
MOST_BYTES = 2**20  # of a PKCS #12 file


@dataclass(frozen=True, slots=True)
class Signer:
    """Whoever holds the key.

    Attributes:
        name: common name of the certificate, or its whole subject.
        digest: SHA-256 of the certificate.
    """

    name: str
    digest: str
    _pkcs12: bytes = field(repr=False)
    _passphrase: bytes | None = field(repr=False)

    @property
    def line(self) -> str:
        """What the report prints."""
        return (
            f"digitally, by {self.name}; certificate, sha256 {self.digest}. A PDF reader tells whether a byte was "
            "changed since. The time in it is the date of this report."
        )


def can_sign() -> bool:
    """Whether the operator has named a certificate."""
    return bool(os.environ.get(CERTIFICATE_VARIABLE))


def load_signer() -> Signer:
    """The holder of the certificate that ``NERO_REPORT_CERTIFICATE`` names.

    Raises:
        NeroError: none is named, the file or its passphrase is none, it has no key, or the extra ``sign`` is missing.
    """
    if not can_sign():
        raise NeroError(
            f"Expected a PKCS #12 file in {CERTIFICATE_VARIABLE} to sign with. Found it unset. Set it, or do not sign."
        )
    _check_installed()
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import pkcs12

    data, passphrase = _read(Path(os.environ[CERTIFICATE_VARIABLE]), CERTIFICATE_VARIABLE), _passphrase()
    try:
        loaded = pkcs12.load_pkcs12(data, passphrase)
    except ValueError:
        raise NeroError(
            f"Expected {CERTIFICATE_VARIABLE} to name a PKCS #12 file that its passphrase opens. Found that it does "
            f"not. Check the file, and {PASSPHRASE_FILE_VARIABLE} or {PASSPHRASE_VARIABLE}."
        ) from None
    if loaded.key is None or loaded.cert is None:
        raise NeroError(
            f"Expected a key and its certificate in the file of {CERTIFICATE_VARIABLE}. Found one without the other. "
            "Export both."
        )
    certificate = loaded.cert.certificate
    return Signer(_name(certificate), certificate.fingerprint(SHA256()).hex(), data, passphrase)


def signed_report(report: CaseReport, signer: Signer) -> bytes:
    """The report as PDF that says who signed it, and is signed.

    Raises:
        NeroError: it has no date, cannot be set, or the key cannot sign.
    """
    if report.made_on is None:
        raise NeroError("Expected the date of a report that is signed. Found none. Give it a date.")
    return sign_pdf(pdf_report(replace(report, signed_by=signer.line)), signer, report.made_on)


def sign_pdf(data: bytes, signer: Signer, day: date) -> bytes:
    """The PDF with its signature.

    Args:
        data: the PDF.
        signer: whoever holds the key.
        day: of the report.

    Raises:
        NeroError: the key cannot sign.
    """
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.signers import SimpleSigner

    key = SimpleSigner.load_pkcs12_data(signer._pkcs12, (), signer._passphrase)
    if key is None:
        raise NeroError("Expected a key that can sign. Found none. Use a certificate with an RSA or elliptic key.")
    moment, out = datetime.combine(day, time(), UTC), io.BytesIO()
    try:
        # The library runs an event loop, of which a thread holds one: a notebook has its own already.
        with ThreadPoolExecutor(1) as apart:
            apart.submit(_pdf_signer(key, moment).sign_pdf, _increment(data, moment), output=out).result()
    except SigningError as error:
        raise NeroError(f"Expected a key that can sign. Found: {error}. Use another certificate.") from error
    return out.getvalue()


def _pdf_signer(key: "SimpleSigner", moment: datetime) -> "PdfSigner":
    from pyhanko.sign.fields import InvisSigSettings, SigFieldSpec, SigSeedSubFilter
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

    class AtMoment(PdfSigner):
        """Signs at a moment that is given: the library would ask the clock."""

        def init_signing_session(self, *args: Any, **others: Any) -> Any:  # noqa: ANN401  as it is given
            session = super().init_signing_session(*args, **others)
            session.system_time = moment
            return session

    place = SigFieldSpec(
        FIELD,
        invis_sig_settings=InvisSigSettings(set_print_flag=True, box_out_of_bounds=True),
        readable_field_name="Digital signature of this report",
    )
    meta = PdfSignatureMetadata(field_name=FIELD, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
    return AtMoment(meta, key, new_field_spec=place)


def _increment(data: bytes, moment: datetime) -> "IncrementalPdfFileWriter":
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    class SameBytes(IncrementalPdfFileWriter):
        """Draws no random file id, and leaves the description of the document, whose dates are the report's, alone."""

        @classmethod
        def _handle_id(cls, prev: Any) -> generic.ArrayObject:  # noqa: ANN401  the library carries no type
            drawn = hashlib.sha256(data + moment.isoformat().encode("ascii")).digest()[:16]
            first = prev.trailer["/ID"][0] if "/ID" in prev.trailer else generic.ByteStringObject(drawn)
            return generic.ArrayObject([first, generic.ByteStringObject(drawn)])

        def _update_meta(self) -> None:
            pass

    return SameBytes(io.BytesIO(data))


def _name(certificate: "x509.Certificate") -> str:
    from cryptography.x509.oid import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()


def _passphrase() -> bytes | None:
    """None where the file needs none."""
    if place := os.environ.get(PASSPHRASE_FILE_VARIABLE):
        lines = _read(Path(place), PASSPHRASE_FILE_VARIABLE).splitlines()
        return lines[0] if lines else None
    text = os.environ.get(PASSPHRASE_VARIABLE)
    return text.encode("utf-8") if text else None


def _read(place: Path, variable: str) -> bytes:
    try:
        with place.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise NeroError(
            f"Expected a file that {variable} names. Found: {error.strerror or type(error).__name__}. Check it."
        ) from error


def _check_installed() -> None:
    try:
        import pyhanko.sign.signers  # noqa: F401  asked once, here
    except ImportError as error:
        raise NeroError(
            'Expected pyHanko to sign with. Found it missing. Install it: pip install "nero-dashboard[sign]".'
        ) from error
