"""Credentials: one answer per challenge, another for a stale nonce, none for a wrong password."""

from skryba.b2bua.credentials import Account, Authorisation
from skryba.sip.digest import Challenge, Credentials, answer
from skryba.sip.headers import Headers
from skryba.sip.message import Request, Response

ACCOUNT = Account("acct", "pw")


def request(**credentials: str) -> Request:
    fields = [(name.replace("_", "-"), value) for name, value in credentials.items()]
    return Request("INVITE", "sip:1@carrier", Headers(fields))


def challenged(*values: str, status: int = 407) -> Response:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    return Response(status, "", Headers([(name, value) for value in values]))


def challenge(nonce: str = "n", *, stale: bool = False, algorithm: str = "MD5") -> Challenge:
    return Challenge("realm", nonce, algorithm, ("auth",), None, stale)


def test_the_answer_is_what_digest_says() -> None:
    field = Authorisation(ACCOUNT, lambda: "cn").answer(request(), challenged(str(challenge())))
    assert field is not None
    assert field[0] == "Proxy-Authorization"
    expected = answer(
        challenge(), method="INVITE", uri="sip:1@carrier", username="acct", password="pw", cnonce="cn", nc=1
    )
    assert Credentials.parse(field[1]) == expected


def test_401_is_answered_in_its_own_header() -> None:
    field = Authorisation(ACCOUNT, lambda: "cn").answer(request(), challenged(str(challenge()), status=401))
    assert field is not None
    assert field[0] == "Authorization"


def test_the_count_grows_with_the_same_nonce_and_starts_anew_with_another() -> None:
    authorisation = Authorisation(ACCOUNT, lambda: "cn")
    counts = []
    for nonce in ("n", "n", "m"):
        field = authorisation.answer(request(), challenged(str(challenge(nonce))))
        assert field is not None
        counts.append(Credentials.parse(field[1]).nc)
    assert counts == [1, 2, 1]


def test_a_second_challenge_is_a_wrong_password_unless_stale() -> None:
    authorisation = Authorisation(ACCOUNT, lambda: "cn")
    again = request(Proxy_Authorization="x")
    assert authorisation.answer(again, challenged(str(challenge()))) is None
    assert authorisation.answer(request(), challenged(str(challenge()))) is not None
    tries = [authorisation.answer(again, challenged(str(challenge(str(n), stale=True)))) is not None for n in range(5)]
    assert tries == [True, True, True, False, False]


def test_no_account_no_answer_and_no_algorithm_no_answer() -> None:
    assert Authorisation(None, lambda: "cn").answer(request(), challenged(str(challenge()))) is None
    authorisation = Authorisation(ACCOUNT, lambda: "cn")
    assert authorisation.answer(request(), challenged(str(challenge(algorithm="NONE")))) is None
    assert authorisation.answer(request(), challenged()) is None


def test_an_unknown_scheme_beside_digest_is_passed_over() -> None:
    authorisation = Authorisation(ACCOUNT, lambda: "cn")
    assert authorisation.answer(request(), challenged("Bearer realm=x", str(challenge()))) is not None
