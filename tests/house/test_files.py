"""Shape of the files: small, with a docstring of two parts, each with a test file of its own."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/skryba"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST = 400
ELSEWHERE = {  # words without behaviour, and what only whole processes or their own neighbour can test
    "app.py", "clock.py", "errors.py", "selftest/phone.py", "selftest/phone_call.py", "signalling.py", "sip/tcp.py",
    "sip/udp.py", "supervisor.py", "terms.py",
}  # fmt: skip


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_says_what_lives_here_and_what_it_may_not_know(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree) or ""
    first, _, rest = docstring.partition("\n")
    assert first.strip(), "what lives here?"
    assert rest.strip(), "and what may it not know?"
    if path.name == "__init__.py":
        allowed = {"__version__"} if path.parent == SOURCE else set()
        assert {ast.unparse(node.targets[0]) for node in tree.body[1:] if isinstance(node, ast.Assign)} == allowed
        assert len(tree.body) == 1 + len(allowed)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_is_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{lines} lines: look for the second noun"


def test_each_source_file_has_a_test_file() -> None:
    def test_of(path: Path) -> Path:
        relative = path.relative_to(SOURCE)
        return ROOT / "tests/unit" / relative.parent / f"test_{relative.stem.strip('_')}.py"

    wanted = [path for path in FILES if path.name != "__init__.py" and named(path) not in ELSEWHERE]
    assert [named(path) for path in wanted if not test_of(path).exists()] == []
    assert {named(path) for path in FILES} >= ELSEWHERE


def test_no_two_names_mean_nothing() -> None:
    empty_words = re.compile(r"(manager|handler|helper|util|common|misc)", re.IGNORECASE)
    assert [named(path) for path in FILES if empty_words.search(path.stem)] == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
    everything = [path for folder in ("src", "tests", "bench") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path) for path in everything if path != Path(__file__) and marks.search(path.read_text("utf-8"))] == []


def test_no_test_is_switched_off() -> None:
    switches = re.compile(r"mark\.(skip|skipif|xfail)|pytest\.(skip|xfail|importorskip)\(")
    tests = (ROOT / "tests").rglob("*.py")
    assert [str(path) for path in tests if path != Path(__file__) and switches.search(path.read_text("utf-8"))] == []
