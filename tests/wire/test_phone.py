"""Simulated phones on real loopback sockets, no proxy between them: what the self-test measures with must be right."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import cast

import numpy as np
import pytest

from skryba import clock
from skryba.codecs import registry
from skryba.selftest.line import FRAME
from skryba.selftest.phone import Phone
from skryba.selftest.phone_call import PhoneCall, PhoneError
from skryba.selftest.verifier import Sent, verify_stereo
from skryba.selftest.voice import Voice
from skryba.sip.digest import Authenticator, Credentials, Verdict, ha1
from skryba.sip.message import Request, parse_message, response_to
from skryba.terms import SocketAddress
from tests.support.baresip import until

pytestmark = pytest.mark.wire

LOOPBACK = "127.0.0.1"


def token() -> str:
    return secrets.token_hex(8)


@asynccontextmanager
async def two_phones(
    *, codecs: tuple[str, ...] = ("PCMA",), answers_after: float | None = 0.0, host: str = LOOPBACK
) -> AsyncIterator[tuple[Phone, Phone]]:
    """The called phone, and the caller that takes it for its proxy."""
    bob = Phone(
        user="bob", domain="test", proxy=None, token=token, codecs=codecs, answers_after=answers_after, host=host
    )
    async with bob:
        alice = Phone(user="alice", domain="test", proxy=bob.address, token=token, codecs=codecs, host=host)
        async with alice:
            yield alice, bob


async def both_hear(call: PhoneCall, far: PhoneCall, packets: int = 15) -> None:
    await until(lambda: min(len(call.line.heard), len(far.line.heard)) >= packets, timeout=5)


def sound_of(call: PhoneCall) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    decoder = registry.decoder(call.encoding, 8000)
    assert decoder is not None
    return decoder.decode(b"".join(packet.payload for packet in call.line.heard))


@pytest.mark.parametrize("codec", ["PCMA", "PCMU", "G722"])
async def test_a_call_carries_both_voices_untouched(codec: str) -> None:
    async with two_phones(codecs=(codec,)) as (alice, bob):
        call = await alice.call("bob")
        far = await bob.incoming.get()
        await both_hear(call, far, 80)
        await call.hang_up()
        await asyncio.wait_for(far.ended.wait(), 2)
        assert (call.encoding, far.encoding) == (codec, codec)
        for ear, mouth in ((call, far), (far, call)):
            assert [mouth.line.frames[packet.payload] for packet in ear.line.heard] == list(range(len(ear.line.heard)))
            assert [packet.sequence for packet in ear.line.heard] == list(range(len(ear.line.heard)))
            assert {packet.timestamp - packet.sequence * 160 for packet in ear.line.heard} == {0}
        assert call.invited_at is not None
        assert call.answered_at is not None
        assert call.invited_at < call.answered_at < call.invited_at + 1


async def test_the_clock_of_what_was_sent_is_true() -> None:
    """A recorder that places each packet by its arrival finds both voices in step to a few milliseconds."""
    async with two_phones() as (alice, bob):
        call = await alice.call("bob")
        far = await bob.incoming.get()
        await both_hear(call, far, 100)
        await call.hang_up()
        mine, theirs = call.line.sent, far.line.sent
        assert mine.voice == Voice("alice")
        sides = []
        origin = max(far.line.heard[0].at, call.line.heard[0].at)
        for ear in (far, call):
            late = round((origin - ear.line.heard[0].at) * 8000)
            sides.append(sound_of(ear)[late:])
        length = min(map(len, sides))
        stereo = np.column_stack([side[:length] for side in sides])
        verdict = verify_stereo(stereo, 8000, left=mine, right=theirs, begin=origin, end=origin + length / 8000)
        assert verdict.ok, verdict.problems
        assert verdict.skew_ms == pytest.approx(0.0, abs=10)


async def test_talking_keeps_its_beat() -> None:
    async with two_phones() as (alice, bob):
        began = clock.now()
        call = await alice.call("bob")
        far = await bob.incoming.get()
        await both_hear(call, far, 50)
        assert clock.now() - began == pytest.approx(50 * FRAME, abs=0.3)
        await call.hang_up()
        heard = len(far.line.heard)
        await asyncio.sleep(3 * FRAME)
        assert len(far.line.heard) == heard
        assert isinstance(call.line.sent, Sent)


async def test_digits_cross_and_are_not_taken_for_sound() -> None:
    async with two_phones() as (alice, bob):
        call = await alice.call("bob")
        far = await bob.incoming.get()
        call.line.press("1#")
        await until(lambda: far.line.digits == [1, 11], timeout=5)
        await both_hear(call, far, 25)
        assert {packet.payload_type for packet in far.line.heard} == {8}
        await call.hang_up()


async def test_hold_and_resume() -> None:
    async with two_phones() as (alice, bob):
        call = await alice.call("bob")
        far = await bob.incoming.get()
        response = await call.hold()
        assert response.status == 200
        assert b"a=recvonly" in response.body
        response = await call.resume()
        assert b"a=recvonly" not in response.body
        await far.hang_up()
        await asyncio.wait_for(call.ended.wait(), 2)


async def test_ringing_is_noticed_and_the_called_side_may_answer_when_it_likes() -> None:
    async with two_phones(answers_after=None) as (alice, bob):
        call = alice.pick_up()
        async with asyncio.TaskGroup() as group:
            dialling = group.create_task(call.dial("sip:bob@test"))
            far = await bob.incoming.get()
            await until(lambda: call.ringing_at is not None, timeout=2)
            assert not dialling.done()
            far.answer()
        assert call.statuses == [180, 200]
        await asyncio.wait_for(far.acknowledged.wait(), 2)
        await far.hang_up()


@pytest.mark.parametrize("status", [486, 603])
async def test_a_refusal_is_an_error_with_its_status(status: int) -> None:
    async with two_phones(answers_after=None) as (alice, bob):
        call = alice.pick_up()
        async with asyncio.TaskGroup() as group:
            dialling = group.create_task(_status_of(call.dial("sip:bob@test")))
            (await bob.incoming.get()).refuse(status)
        assert dialling.result() == status
        assert call.ended.is_set()


async def test_no_common_codec_is_refused_with_488() -> None:
    async with two_phones() as (alice, bob):
        alice.codecs = ("G722",)
        with pytest.raises(PhoneError) as refused:
            await alice.call("bob")
        assert refused.value.status == 488
        assert bob.calls[0].ended.is_set()


async def test_giving_up_cancels() -> None:
    async with two_phones(answers_after=None) as (alice, bob):
        with pytest.raises(PhoneError, match="no final response"):
            await alice.call("bob", patience=0.2)
        far = await bob.incoming.get()
        await asyncio.wait_for(far.ended.wait(), 2)
        assert far.statuses == [180, 487]


async def test_options_are_answered_and_stray_requests_are_not_believed() -> None:
    async with two_phones() as (alice, _):
        for method, status in (("OPTIONS", 200), ("BYE", 481)):
            request = alice.new_request(
                method, "sip:bob@test", to="<sip:bob@test>;tag=x", call_id=token(), cseq=1, tag="t"
            )
            assert (await alice.transact(request)).status == status


async def test_nobody_there_is_an_error() -> None:
    async with two_phones() as (alice, bob):
        await bob.close()
        with pytest.raises(PhoneError):
            await alice.call("bob", patience=0.3)


class Registrar(asyncio.DatagramProtocol):
    """Asks for a digest, and believes whoever knows the password."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.authenticator = Authenticator("test", b"secret")
        self.accepted: list[Request] = []
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = parse_message(data)
        assert isinstance(request, Request)
        assert self.transport is not None
        given = request.headers.get("Authorization")
        verdict = None
        if given is not None:
            verdict = self.authenticator.check(
                Credentials.parse(given),
                method=request.method,
                ha1_of=lambda user, algorithm: ha1(user, "test", self.password, algorithm),
                now=clock.now(),
            )
        if verdict is Verdict.OK:
            self.accepted.append(request)
            self.transport.sendto(bytes(response_to(request, 200, to_tag="r")), addr)
        elif given is not None:
            self.transport.sendto(bytes(response_to(request, 403, to_tag="r")), addr)
        else:
            response = response_to(request, 401, to_tag="r")
            for challenge in self.authenticator.challenges(clock.now()):
                response.headers.add("WWW-Authenticate", str(challenge))
            self.transport.sendto(bytes(response), addr)


@asynccontextmanager
async def registrar() -> AsyncIterator[tuple[Registrar, SocketAddress]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Registrar("right"), local_addr=(LOOPBACK, 0))
    try:
        yield protocol, SocketAddress(*transport.get_extra_info("sockname"))
    finally:
        transport.close()


def phone_at(proxy: SocketAddress, password: str) -> Phone:
    return Phone(user="101", password=password, domain="test", proxy=proxy, token=token)


async def test_registers_with_a_digest_answer_and_unregisters() -> None:
    async with registrar() as (server, address), phone_at(address, "right") as phone:
        await phone.register()
        await phone.unregister()
        first, second = server.accepted
        assert first.contacts[0].uri.port == phone.address.port
        assert (first.expires, second.expires) == (300, 0)
        assert first.call_id == second.call_id
        assert second.cseq.number > first.cseq.number


async def test_a_wrong_password_is_refused() -> None:
    async with registrar() as (server, address), phone_at(address, "wrong") as phone:
        with pytest.raises(PhoneError) as refused:
            await phone.register()
        assert refused.value.status == 403
        assert server.accepted == []


async def _status_of(dialling: Coroutine[None, None, None]) -> int | None:
    try:
        await dialling
    except PhoneError as error:
        return error.status
    return 200
