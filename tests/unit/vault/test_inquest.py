"""Every way to tamper with a chain is planted and must be named and located."""

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.vault.chain import Entry, Kind, line_digest, new_key_facts, signed
from skryba.vault.inquest import FaultKind, check
from tests.support.seals import chain_of, entry_after, signer, verifier

LINES = chain_of(8)


def faults(lines: list[bytes], *, last: int | None = None, first: int = 1) -> list[tuple[int, str]]:
    return [(fault.seq, fault.kind.value) for fault in check(lines, verifier(), first=first, last=last)]


def changed(number: int, line: bytes) -> list[bytes]:
    return [*LINES[: number - 1], line, *LINES[number:]]


def resigned(number: int, by: int) -> bytes:
    entry = Entry.parse(LINES[number - 1])
    return signed(replace(entry, facts={"state": "failed", "files": 2}), signer(by)).to_line()


def test_a_whole_chain_has_no_fault() -> None:
    assert faults(LINES, last=8) == []
    assert faults([]) == []


@given(number=st.integers(1, 8), data=st.data())
def test_a_flipped_bit_is_found_in_its_line(number: int, data: st.DataObject) -> None:
    line = bytearray(LINES[number - 1])
    bit = data.draw(st.integers(0, len(line) * 8 - 1))
    line[bit // 8] ^= 1 << bit % 8
    found = faults(changed(number, bytes(line)))
    assert [seq for seq, _ in found] == [number]
    assert found[0][1] in ("altered", "signature", "truncated")  # a flip within key_id names a stranger
    assert found[0][1] != "truncated" or number == 8


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (LINES[1:], [(1, "missing")]),
        (LINES[:3] + LINES[4:], [(4, "missing")]),
        (LINES[:2] + LINES[5:], [(3, "missing")]),
        (LINES[:2] + LINES[3:5] + LINES[7:], [(3, "missing"), (6, "missing")]),
        ([*LINES[:2], LINES[3], LINES[2], *LINES[4:]], [(3, "reordered")]),
        (LINES[:2] + LINES[4:6] + LINES[2:4] + LINES[6:], [(3, "reordered"), (4, "reordered")]),
        (LINES[:2] + LINES[4:6] + [LINES[2]] + LINES[6:], [(3, "reordered"), (4, "missing")]),
        ([*LINES[:4], LINES[1], *LINES[4:]], [(2, "reordered")]),
        (changed(5, b"no entry"), [(5, "altered")]),
        (changed(5, resigned(5, by=2)), [(5, "signature")]),
        (changed(5, resigned(5, by=1)), [(5, "altered")]),
        ([*LINES[:7], LINES[7][:-9]], [(8, "truncated")]),
        ([*LINES, b""], [(9, "truncated")]),
        ([], []),
    ],
)
def test_planted_faults_are_named_and_located(lines: list[bytes], expected: list[tuple[int, str]]) -> None:
    assert faults(lines) == expected


def test_a_first_entry_that_follows_something_is_reported() -> None:
    entry = signed(replace(Entry.parse(LINES[0]), previous="1" * 64), signer())
    assert faults([entry.to_line()]) == [(1, "altered")]


def test_a_gap_is_described() -> None:
    (fault,) = check(LINES[:2] + LINES[5:], verifier())
    assert (fault.kind, fault.where) == (FaultKind.MISSING, "entries 3 to 5")
    (fault,) = check(LINES[:2] + LINES[3:], verifier())
    assert fault.where == "entry 3"


def test_a_cut_off_end_is_found_by_what_is_known_from_elsewhere() -> None:
    assert faults(LINES[:6]) == []
    assert faults(LINES[:6], last=8) == [(7, "truncated")]
    assert faults([], last=8) == [(1, "truncated")]


def test_a_part_of_a_chain_can_be_checked() -> None:
    assert faults(LINES[3:6], first=4) == []
    assert faults(LINES[4:6], first=4) == [(4, "missing")]


def test_a_history_rewritten_by_a_stranger_is_found_at_every_line() -> None:
    forged: list[bytes] = LINES[:5]
    for _ in range(3):
        forged.append(entry_after(forged, by=2).to_line())
    assert faults(forged) == [(6, "signature"), (7, "signature"), (8, "signature")]


def test_a_signature_of_another_line_is_found() -> None:
    entry = replace(Entry.parse(LINES[4]), signature=Entry.parse(LINES[3]).signature)
    assert faults(changed(5, entry.to_line())) == [(5, "altered")]
    entry = replace(Entry.parse(LINES[4]), signature=base64.b64encode(bytes(64)).decode())
    assert faults(changed(5, entry.to_line())) == [(5, "altered")]


class TestChangeOfKeys:
    @staticmethod
    def chain(*steps: Callable[[list[bytes]], Entry]) -> list[bytes]:
        lines: list[bytes] = chain_of(2)
        for step in steps:
            lines.append(step(lines).to_line())
        return lines

    @staticmethod
    def seal(by: int) -> Callable[[list[bytes]], Entry]:
        return lambda lines: entry_after(lines, by=by)

    @staticmethod
    def new_key(by: int, names: int) -> Callable[[list[bytes]], Entry]:
        return lambda lines: entry_after(lines, kind=Kind.KEY, by=by, facts=new_key_facts(signer(names).public))

    @staticmethod
    def start(by: int) -> Callable[[list[bytes]], Entry]:
        return lambda lines: entry_after(lines, kind=Kind.START, by=by, facts={"reason": "the key was lost"})

    def test_the_old_key_introduces_the_new_one(self) -> None:
        lines = self.chain(self.new_key(1, names=2), self.seal(2), self.new_key(2, names=3), self.seal(3))
        assert check(lines, verifier(1)) == []

    def test_the_old_key_signs_no_more(self) -> None:
        lines = self.chain(self.new_key(1, names=2), self.seal(1), self.seal(2), self.start(1))
        assert faults(lines) == [(4, "signature"), (6, "signature")]

    def test_nobody_introduces_himself(self) -> None:
        lines = self.chain(self.new_key(2, names=2), self.seal(2))
        assert faults(lines) == [(3, "signature"), (4, "signature")]

    def test_a_trusted_key_does_not_take_over_without_a_word(self) -> None:
        lines = self.chain(self.seal(2), self.seal(1))
        assert [(fault.seq, fault.kind) for fault in check(lines, verifier(1, 2))] == [(3, FaultKind.SIGNATURE)]

    def test_after_a_loss_a_key_starts_that_the_verifier_trusts_by_itself(self) -> None:
        lines = self.chain(self.start(2), self.seal(2))
        assert check(lines, verifier(1, 2)) == []
        assert faults(lines) == [(3, "signature"), (4, "signature")]

    def test_after_a_loss_the_lost_key_signs_no_more(self) -> None:
        lines = self.chain(self.start(2), self.seal(1))
        assert [(fault.seq, fault.kind) for fault in check(lines, verifier(1, 2))] == [(4, FaultKind.SIGNATURE)]

    def test_a_missing_change_of_keys_is_not_more_than_a_missing_line(self) -> None:
        lines = self.chain(self.new_key(1, names=2), self.seal(2), self.seal(2))
        without = lines[:2] + lines[3:]
        assert [(fault.seq, fault.kind) for fault in check(without, verifier(1, 2))] == [(3, FaultKind.MISSING)]
        spoiled = [*lines[:2], b"?", *lines[3:]]
        assert [(fault.seq, fault.kind) for fault in check(spoiled, verifier(1, 2))] == [(3, FaultKind.ALTERED)]

    def test_an_entry_that_names_no_key_is_reported(self) -> None:
        lines = self.chain(lambda before: entry_after(before, kind=Kind.KEY, facts={"public": "?"}))
        assert faults(lines) == [(3, "altered")]


def test_the_digest_is_of_the_octets_of_the_line() -> None:
    assert line_digest(LINES[0]) != line_digest(LINES[0] + b" ")
