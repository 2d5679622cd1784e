"""⚡ Time stamps of a day's last line from an outside authority (RFC 3161): asked for over HTTP, checked offline.

May not know what the line says. A stamp proves that the day, and with it all days before, existed then as it is now:
whoever holds our signing key cannot rewrite it any more.
"""

import http.client
import urllib.error
import urllib.request
from datetime import UTC, datetime

from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from skryba.errors import ConfigError, IntegrityError, ResourceError
from skryba.vault.chain import line_digest

SUFFIX = ".tsr"  # beside the day's file

_LARGEST = 1 << 20  # octets of an answer


def request_stamp(url: str, line: bytes, *, timeout: float = 10.0) -> bytes:
    """The authority's answer about `line`, as it came, to be kept: it was granted for this line and this question.

    ResourceError if there is none. Whether the authority is the right one is for `verify_stamp` to say.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"the address of a time-stamp authority begins with http: or https:, not {url!r}")
    question = TimestampRequestBuilder().data(line).hash_algorithm(HashAlgorithm.SHA256).build()
    headers = {"Content-Type": "application/timestamp-query"}  # RFC 3161 §3.4
    request = urllib.request.Request(url, data=question.as_bytes(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            token: bytes = answer.read(_LARGEST)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ResourceError(f"the time-stamp authority cannot be reached: {error}") from error
    try:
        answered = _granted(token).tst_info
    except IntegrityError as error:
        raise ResourceError(f"the time-stamp authority gave no stamp: {error}") from error
    if (answered.nonce, answered.message_imprint.message.hex()) != (question.nonce, line_digest(line)):
        raise ResourceError("the time-stamp authority answered another question")
    return token


def verify_stamp(token: bytes, digest: str, roots: bytes) -> datetime:
    """When the line of this SHA-256 (hex) existed, as an authority below `roots` (PEM) says.

    Certificates must have been valid at that time. IntegrityError if the stamp is about something else, was changed, or
    comes from somebody else; ConfigError if `roots` holds no certificate.
    """
    try:
        certificates = load_pem_x509_certificates(roots)
    except ValueError as error:
        raise ConfigError("there is no certificate in PEM form to check time stamps with") from error
    stamp = _granted(token)
    try:
        VerifierBuilder(roots=certificates).build().verify(stamp, bytes.fromhex(digest))
    except (VerificationError, ValueError) as error:
        raise IntegrityError(f"this time stamp does not hold: {error}") from error
    return stamp.tst_info.gen_time.astimezone(UTC)


def _granted(token: bytes) -> TimeStampResponse:
    try:
        stamp = decode_timestamp_response(token)
        if stamp.status != PKIStatus.GRANTED:
            raise IntegrityError(f"it was not granted (status {stamp.status})")
    except ValueError as error:
        raise IntegrityError("this is no time stamp") from error
    return stamp
