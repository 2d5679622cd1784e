"""What stands in a rules file."""

from skryba.policy.book import CountryRule, Force, Rule, RuleBook
from skryba.policy.model import Mode, Notice

STANDARD, GERMAN = Notice("standard", "pl"), Notice("opt-in", "de")


def test_a3_lists_are_spelt_out() -> None:
    book = RuleBook(lists=(("law", ("1", "2*")), ("none", ())))
    assert list(book.spelt_out(["3", "list:law", "list:none", "list:unknown", "*"])) == ["3", "1", "2*", "*"]


def test_all_notices_that_a_call_may_need() -> None:
    rules = (Rule("a", Mode.AUTOMATIC, notice=STANDARD), Rule("b", Mode.NEVER))
    countries = (CountryRule(("+49", "+43"), Force.OPT_IN, GERMAN), CountryRule(("+1",), Force.NEVER))
    assert list(RuleBook(rules, countries=countries).notices()) == [("a", STANDARD), ("+49", GERMAN)]


def test_an_empty_book_records_nothing() -> None:
    assert (RuleBook().rules, RuleBook().never, RuleBook().protected) == ((), frozenset(), frozenset())


def test_the_line_is_no_part_of_a_rule() -> None:
    assert Rule("a", Mode.NEVER, line=3) == Rule("a", Mode.NEVER, line=5)
