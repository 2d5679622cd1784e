import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.announcements.wording import DEFAULT_KEY, LANGUAGES, Wording, check_name, check_value, read_texts
from skryba.errors import ConfigError

TEXT = "[Tu {controller}. ]Rozmowa będzie nagrywana[. Cel: {purpose}|, żeby wrócić]. Szczegóły: [{address}|u nas]."


def test_b9_placeholders_are_filled_in_and_parts_without_a_value_give_way() -> None:
    wording = Wording.parse(TEXT)
    assert wording.fill({}, "pl").text == "Rozmowa będzie nagrywana, żeby wrócić. Szczegóły: u nas."
    filled = wording.fill({"controller": "Firma", "purpose": "reklamacje", "address": "firma.pl"}, "pl")
    assert filled.text == "Tu Firma. Rozmowa będzie nagrywana. Cel: reklamacje. Szczegóły: firma.pl."
    assert wording.fill({"controller": ""}, "pl") == wording.fill({}, "pl")
    assert (wording.uses, wording.needs) == (frozenset({"controller", "purpose", "address"}), frozenset())


def test_a_part_with_two_placeholders_needs_both() -> None:
    wording = Wording.parse("A[ {controller}, {address}].")
    assert wording.fill({"controller": "x"}, "en").text == "A."
    assert wording.fill({"controller": "x", "address": "y"}, "en").text == "A x, y."


def test_a_value_is_said_as_it_is() -> None:
    assert Wording.parse("To {controller}.").fill({"controller": r"A\1 & $b"}, "pl").text == r"To A\1 & $b."


@pytest.mark.parametrize(
    ("language", "spoken"),
    [("pl", "gwiazdkę 2 krzyżyk"), ("en", "star 2 hash"), ("uk", "зірочку 2 решітку"), ("de", "Stern 2 Raute")],
)
def test_b9_keys_are_said_in_words(language: str, spoken: str) -> None:
    filled = Wording.parse("> {key}").fill({"key": "*2#"}, language)
    assert (filled.text, filled.key) == (f"> {spoken}", "*2#")


def test_a_text_that_needs_a_key_has_one_and_says_which() -> None:
    assert Wording.parse("Press {key}.").fill({}, "en").key == DEFAULT_KEY
    optional = Wording.parse("Recorded.[ Press {key}.]")
    assert (optional.fill({}, "en").text, optional.fill({}, "en").key) == ("Recorded.", None)
    assert optional.fill({"key": "9"}, "en").key == "9"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 2001, "2001 characters"),
        ("a\x07b", "cannot be printed"),
        ("a [b {key}", "in pairs"),
        ("a b] {key}", "in pairs"),
        ("a [b [c {key}]]", "in pairs"),
        ("a [{key}|b|c]", "in pairs"),
        ("a | b", "in pairs"),
        ("a {key", "braces come in pairs"),
        ("a {name}", "{name} is none of"),
        ("a {}", "{} is none of"),
        ("a [b]", "always be said"),
        ("a [b|{key}]", "always be said"),
        ("a [{key}|{purpose}]", "may have no placeholder"),
    ],
)
def test_a_faulty_text_is_refused_with_the_reason(template: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem.replace("{", r"\{").replace("}", r"\}")):
        Wording.parse(template)


def test_a_text_that_cannot_do_without_a_value_says_which() -> None:
    with pytest.raises(ConfigError, match="give a value for address, controller"):
        Wording.parse("{controller} {address}").fill({}, "pl")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "x"),
        ("key", "12345"),
        ("key", "a"),
        ("controller", "[x]"),
        ("controller", "{x}"),
        ("address", "x" * 201),
        ("purpose", "a\x00b"),
    ],
)
def test_a_value_that_cannot_be_said_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        check_value(name, value)


def test_a_value_is_kept_without_blanks() -> None:
    assert check_value("controller", "  Firma \n X ") == "Firma X"
    assert check_value("key", "") == ""


@pytest.mark.parametrize(("prompt", "language"), [("Standard", "pl"), ("../x", "pl"), ("", "pl"), ("standard", "fr")])
def test_a_name_that_is_none_is_refused(prompt: str, language: str) -> None:
    with pytest.raises(ConfigError):
        check_name(prompt, language)
    check_name("opt-out", "uk")


def test_texts_are_read_from_toml() -> None:
    assert read_texts('standard = "A {key}"')["standard"].template == "A {key}"
    with pytest.raises(ConfigError, match="texts"):
        read_texts("standard = ")


@given(st.text(max_size=40), st.sampled_from(LANGUAGES))
def test_whatever_is_written_is_refused_or_said_without_braces_and_brackets(template: str, language: str) -> None:
    try:
        filled = Wording.parse(template).fill({"controller": "A", "purpose": "B", "address": "C"}, language)
    except ConfigError:
        return
    assert not set("{}[]|") & set(filled.text)
