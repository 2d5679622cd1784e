"""Numbers as people and machines write them, brought into one form: +48221234567 (ITU-T E.164), "anonymous", or as is.

May not know rules. In-house and short numbers stay as they are: 101, 112, 19115, *72.
"""

import re

ANONYMOUS = "anonymous"
_WITHHELD = frozenset(
    {"", "anonymous", "unavailable", "restricted", "withheld", "private", "unknown", "anonymous.invalid"}
)
_SCHEMES = re.compile(r"(?:\s*(?:sips?|tel)\s*:)+", re.IGNORECASE)
_ESCAPED = re.compile(r"%([2-7][0-9A-Fa-f])")
_SEPARATORS = str.maketrans("", "", " \t\u00a0\u202f-\u2010\u2011\u2013.()[]/")  # RFC 3966 §5.1.1, and what people type
_DIGITS = re.compile(r"\+?[0-9]+\Z")
_TRUNK_ZERO = "(0)"  # +48 (0)22 …: not dialled from abroad
_LONGEST = 15  # digits of an international number, E.164 §6.2.1
_SHORTEST_INTERNATIONAL = 4
# How long a national number is, so that it is told from an extension. Where unlisted: 7 to 12 digits.
_NATIONAL = {"48": (9, 9)}
_NATIONAL_ELSEWHERE = (7, 12)


def normalise(text: str, *, country: str = "48", international_prefix: str = "00", national_prefix: str = "0") -> str:
    """The one form of a number, a SIP user part, or a sip:, sips: or tel: URI. Never raises; idempotent.

    Digits that fit no numbering plan, and names, come back without URI parts, otherwise untouched.
    """
    if text[:1] == "+" and text.isascii() and text[1:].isdigit():  # already in its form
        return text
    user = _user_part(text)
    if user.lower() in _WITHHELD:
        return ANONYMOUS
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), user) if "%" in user else user
    if _TRUNK_ZERO in plain and plain.startswith(("+", international_prefix)):
        plain = plain.replace(_TRUNK_ZERO, "", 1)
    plain = plain.translate(_SEPARATORS)
    if not _DIGITS.match(plain):
        return user
    if plain.startswith("+"):
        return plain
    rest = plain.removeprefix(international_prefix)
    if rest != plain and not rest.startswith("0") and _SHORTEST_INTERNATIONAL <= len(rest) <= _LONGEST:
        return f"+{rest}"
    least, most = _NATIONAL.get(country, _NATIONAL_ELSEWHERE)
    national = plain.removeprefix(national_prefix)
    if national != plain:
        fits = not national.startswith("0") and least <= len(national) <= most
        return f"+{country}{national}" if fits else plain
    if plain.startswith(country) and least <= len(plain) - len(country) <= most:
        return f"+{plain}"
    return f"+{country}{plain}" if least <= len(plain) <= most else plain


def matches(pattern: str, number: str) -> bool:
    """Does a normalised number fit? Patterns: a normalised number, a prefix ("+4822*"), "anonymous", "*" for all."""
    if pattern.endswith("*"):
        return pattern == "*" or number.startswith(pattern[:-1])
    return pattern == number


def _user_part(text: str) -> str:
    """Without scheme, parameters, password and host."""
    if text.isascii() and text.isalnum():  # nearly always
        return text
    user = text.strip()
    if (scheme := _SCHEMES.match(user)) is not None:
        user = user[scheme.end() :]
    before, at, _ = user.partition("@")
    if at:
        user = before.partition(":")[0]
    return user.partition(";")[0].strip()
