"""Digest: the examples of the RFCs, both roles against each other, replay and expiry."""

from hashlib import md5

import pytest

from skryba.errors import ParseError
from skryba.sip import digest
from skryba.sip.digest import Authenticator, Challenge, Credentials, Verdict, answer, choose, ha1

PASSWORD = "secret of 101"


# RFC 7616 §3.9.1
@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    challenge = Challenge.parse(
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    credentials = answer(
        challenge,
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle of Life",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        nc=1,
    )
    assert credentials.response == response
    assert (credentials.qop, credentials.nc, credentials.opaque) == ("auth", 1, challenge.opaque)
    assert "nc=00000001" in str(credentials)


def test_the_example_of_rfc_2617() -> None:
    challenge = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "MD5", ("auth", "auth-int"))
    credentials = answer(
        challenge,
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle Of Life",
        cnonce="0a4f113b",
        nc=1,
    )
    assert credentials.response == "6629fae49393a05397450978507c4ef1"


def test_sha_512_256_and_auth_int_are_answered() -> None:
    challenge = Challenge("r", "n", "SHA-512-256", ("auth-int",))
    one, other = (
        answer(challenge, method="INVITE", uri="sip:a", username="u", password="p", cnonce="c", nc=255, body=body)
        for body in (b"v=0", b"v=1")
    )
    assert one.qop == "auth-int"
    assert len(one.response) == 64
    assert one.response != other.response
    assert "nc=000000ff" in str(one)


def test_without_qop_the_old_way() -> None:
    credentials = answer(
        Challenge("r", "n"), method="REGISTER", uri="sip:a", username="u", password="p", cnonce="c", nc=4
    )
    assert (credentials.qop, credentials.cnonce, credentials.nc) == (None, None, None)
    assert "nc=" not in str(credentials)
    # RFC 2617 §3.2.2.1: H(H(A1):nonce:H(A2))
    inner = f"{ha1('u', 'r', 'p', 'MD5')}:n:{md5(b'REGISTER:sip:a', usedforsecurity=False).hexdigest()}"
    assert credentials.response == md5(inner.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        'Digest realm="a, b", nonce="x=y==", algorithm=SHA-256, qop="auth,auth-int", opaque="", stale=true',
        'Digest realm="\\"q\\" \\\\", nonce="n", algorithm=MD5-sess',
        'Digest realm="Łódź", nonce="n", algorithm=MD5',
    ],
)
def test_a_challenge_is_written_as_read(text: str) -> None:
    assert str(Challenge.parse(text)) == text


def test_challenges_are_read_in_any_dress() -> None:
    challenge = Challenge.parse('dIGEST  Realm = "r" ,NONCE="n"\t,  qop=Auth , stale="TRUE",algorithm="md5",new=1')
    assert challenge == Challenge("r", "n", "md5", ("auth",), None, True)


def test_credentials_are_written_as_read() -> None:
    text = (
        'Digest username="101", realm="r", nonce="n==", uri="sip:a,b@c", response="abc", algorithm=SHA-256, '
        'qop=auth, nc=0000000a, cnonce="c", opaque="o"'
    )
    credentials = Credentials.parse(text)
    assert credentials == Credentials("101", "r", "n==", "sip:a,b@c", "abc", "SHA-256", "auth", "c", 10, "o")
    assert str(credentials) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r" nonce="n"',
        'Digest realm="r", nonce="open',
        'Digest realm="r", nonce="n", nonce="m"',
        'Digest realm="r", nonce="n", algorithm="M D"',
        'Digest realm="r",, nonce="n"',
        'Basic realm="r", nonce="n"',
    ],
)
def test_no_challenge(text: str) -> None:
    with pytest.raises(ParseError):
        Challenge.parse(text)


@pytest.mark.parametrize(
    "change",
    [
        ('username="101", ', ""),
        ('realm="r", ', ""),
        ('nonce="n", ', ""),
        ('uri="sip:a", ', ""),
        ('response="abc"', "x=y"),
        (", nc=00000001", ""),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        (', cnonce="c"', ""),
        ("Digest", "Bearer"),
    ],
)
def test_no_credentials(change: tuple[str, str]) -> None:
    text = 'Digest username="101", realm="r", nonce="n", uri="sip:a", response="abc", qop=auth, nc=00000001, cnonce="c"'
    assert Credentials.parse(text).nc == 1
    assert change[0] in text
    with pytest.raises(ParseError):
        Credentials.parse(text.replace(*change))


def test_the_servers_order_decides() -> None:  # RFC 8760 §2.4
    old, sha = Challenge("r", "n", "MD5", ("auth",)), Challenge("r", "n", "SHA-256", ("auth",))
    assert choose([old, sha]) is old
    assert choose([sha, old]) is sha
    assert choose([Challenge("r", "n", "SHA-256-sess"), Challenge("r", "n", "X"), old]) is old
    assert choose([Challenge("r", "n", "MD5", ("token",)), sha]) is sha
    assert choose([Challenge("r", "n", "md5")]) is not None
    assert choose([Challenge("r", "n", "MD5-sess")]) is None
    assert choose([]) is None


@pytest.mark.parametrize(
    "challenge",
    [Challenge("r", "n", "MD5-sess", ("auth",)), Challenge("r", "n", "X"), Challenge("r", "n", "MD5", ("x",))],
)
def test_what_is_unsupported_is_refused_cleanly(challenge: Challenge) -> None:
    with pytest.raises(ParseError):
        answer(challenge, method="INVITE", uri="sip:a", username="u", password="p", cnonce="c", nc=1)


def test_ha1_of_an_unknown_algorithm() -> None:
    with pytest.raises(ParseError):
        ha1("u", "r", "p", "SHA-1")


def server(lifetime: float = 300.0) -> Authenticator:
    return Authenticator("example.net", b"fresh", lifetime=lifetime)


def find(username: str, algorithm: str) -> str | None:
    return ha1("101", "example.net", PASSWORD, algorithm) if username == "101" else None


def client(challenge: Challenge, *, nc: int = 1, user: str = "101", password: str = PASSWORD) -> Credentials:
    credentials = answer(
        challenge, method="REGISTER", uri="sip:example.net", username=user, password=password, cnonce="c", nc=nc
    )
    return Credentials.parse(str(credentials))


def verdict(of: Authenticator, credentials: Credentials, *, now: float = 1000.0, method: str = "REGISTER") -> Verdict:
    return of.check(credentials, method=method, ha1_of=find, now=now)


def test_challenges_are_offered_best_first() -> None:
    challenges = server().challenges(1000.0, stale=True)
    assert [challenge.algorithm for challenge in challenges] == ["SHA-256", "MD5"]
    assert {(challenge.realm, challenge.qop, challenge.stale) for challenge in challenges} == {
        ("example.net", ("auth",), True)
    }


@pytest.mark.parametrize("place", [0, 1])
def test_the_right_password_is_let_in(place: int) -> None:
    of = server()
    assert verdict(of, client(of.challenges(1000.0)[place])) is Verdict.OK


def test_others_are_not() -> None:
    of = server()
    challenge = of.challenges(1000.0)[0]
    assert verdict(of, client(challenge, password="guess")) is Verdict.WRONG
    assert verdict(of, client(challenge, user="102")) is Verdict.UNKNOWN_USER
    assert verdict(of, client(challenge), method="INVITE") is Verdict.WRONG
    assert verdict(of, client(Challenge("other", challenge.nonce, "SHA-256", ("auth",)))) is Verdict.WRONG
    assert verdict(of, client(Challenge("example.net", challenge.nonce, "SHA-512-256", ("auth",)))) is Verdict.WRONG
    assert verdict(of, client(Challenge("example.net", challenge.nonce, "SHA-256", ("auth-int",)))) is Verdict.WRONG
    odd = Credentials("101", "example.net", challenge.nonce, "sip:x", "\udcff", "SHA-256", "auth", "c", 1)
    assert verdict(of, odd) is Verdict.WRONG
    # None of these used the nonce up.
    assert verdict(of, client(challenge)) is Verdict.OK


@pytest.mark.parametrize("nonce", ["", "made-up", "3e8-1-" + "0" * 32, "f" * 17 + "-1-" + "0" * 32])
def test_a_nonce_of_others_is_stale(nonce: str) -> None:
    assert verdict(server(), client(Challenge("example.net", nonce, "SHA-256", ("auth",)))) is Verdict.STALE


def test_a_nonce_of_another_process_is_stale() -> None:
    foreign = Authenticator("example.net", b"of another process").challenges(1000.0)[0]
    assert verdict(server(), client(foreign)) is Verdict.STALE


def test_a_nonce_expires() -> None:
    of = server(lifetime=60.0)
    challenge = of.challenges(1000.0)[0]
    assert verdict(of, client(challenge, nc=1), now=1060.0) is Verdict.OK
    assert verdict(of, client(challenge, nc=2), now=1060.1) is Verdict.STALE
    assert verdict(of, client(challenge, nc=3), now=990.0) is Verdict.STALE


def test_a_count_serves_once_in_any_order() -> None:
    of = server()
    challenge = of.challenges(1000.0)[0]
    for count in (1, 3, 2, 40, 39, 2**32 - 1):
        assert verdict(of, client(challenge, nc=count)) is Verdict.OK
        assert verdict(of, client(challenge, nc=count)) is Verdict.REPLAYED
    for count in (0, 1, 2, 3, 38, 40, 2**32 - 1 - 64):
        assert verdict(of, client(challenge, nc=count)) is Verdict.REPLAYED
    assert verdict(of, client(challenge, nc=2**32 - 1 - 63)) is Verdict.OK


def test_count_zero_is_never_right() -> None:
    of = server()
    assert verdict(of, client(of.challenges(1000.0)[0], nc=0)) is Verdict.REPLAYED


def test_without_qop_a_nonce_serves_once() -> None:
    of = server()
    challenge = of.challenges(1000.0)[1]
    old = client(Challenge("example.net", challenge.nonce, "MD5"))
    assert verdict(of, old) is Verdict.OK
    assert verdict(of, old) is Verdict.REPLAYED


def test_memory_is_bounded_and_what_is_forgotten_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "_MEMORY", 4)
    of = server()
    challenges = [of.challenges(1000.0)[0] for _ in range(6)]
    assert [verdict(of, client(challenge)) for challenge in challenges] == [Verdict.OK] * 6
    assert verdict(of, client(challenges[1], nc=2)) is Verdict.STALE
    assert verdict(of, client(challenges[2], nc=2)) is Verdict.OK


def test_only_supported_algorithms_can_be_offered() -> None:
    with pytest.raises(ValueError, match="MD5-sess"):
        Authenticator("r", b"s", algorithms=("MD5-sess",))
