"""Lines for faults."""

from skryba.policy.places import Places

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
    assert (places.of(None, "never"), places.of(None, "always"), places.of(None, "other")) == (2, 5, 17)


def test_keys_of_a_rule() -> None:
    places = Places(TEXT)
    assert (places.of(0), places.of(0, "id"), places.of(0, "mode")) == (7, 8, 13)
    assert (places.of(1), places.of(1, "id")) == (15, 16)


def test_what_is_missing_is_placed_at_its_rule_or_at_the_top() -> None:
    places = Places(TEXT)
    assert (places.of(1, "mode"), places.of(None, "rule"), places.of(7, "id")) == (15, 1, 1)
