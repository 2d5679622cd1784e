"""Lines for faults."""

from skryba.policy.places import TOP, Places, Section

TEXT = '''\
# rule = "a comment"
never = [
    "101",   # [[rule]] in a comment
]
"always" = []

[[rule]]
id = "a"
purpose = """
mode = "not a key"
[[rule]]
"""
mode = "never"

  [[ rule ]]
'id' = "b"
[other]
id = "c"
'''


def test_keys_above_the_rules() -> None:
    places = Places(TEXT)
    assert (places.of(TOP, "never"), places.of(TOP, "always"), places.of(TOP, "other")) == (2, 5, 17)


def test_keys_of_a_rule() -> None:
    places = Places(TEXT)
    first, second = Section("rule", 0), Section("rule", 1)
    assert (places.of(first), places.of(first, "id"), places.of(first, "mode")) == (7, 8, 13)
    assert (places.of(second), places.of(second, "id")) == (15, 16)
    assert places.of(Section("other"), "id") == 18


def test_what_is_missing_is_placed_at_its_rule_or_at_the_top() -> None:
    places = Places(TEXT)
    assert (places.of(Section("rule", 1), "mode"), places.of(Section("other"), "mode")) == (15, 17)
    assert (places.of(TOP, "rule"), places.of(TOP, "absent"), places.of(Section("rule", 7), "id")) == (7, 1, 1)
