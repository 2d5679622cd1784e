from skryba.config.keeping import Hook
from skryba.config.model import Config, Station, Trunk
from skryba.config.reference import reference
from skryba.config.words import Section


def test_every_option_has_a_row_with_its_meaning() -> None:
    page = reference()
    sections = [field.annotation for field in Config.model_fields.values()]
    models = [each for each in sections if isinstance(each, type) and issubclass(each, Section)] + [
        Station,
        Trunk,
        Hook,
    ]
    assert len(models) == 13
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name} has no description"
            assert field.description.replace("|", "\\|") in page
            assert f"| `{field.alias or name}`" in page


def test_rows_tell_type_default_bounds_and_variable() -> None:
    page = reference()
    assert '| `domain`<br>`SKRYBA_SIP__DOMAIN` | text | `"skryba.local"` |' in page
    assert "| list of 2 whole numbers | `[20000, 29999]` |" in page
    assert '| `"pl"` or `"en"` or `"uk"` or `"de"` | `"pl"` |' in page
    assert "*(at least 1, at most 64)*" in page
    assert "| `password` | text | *required* |" in page
    assert "| `register` | true or false | `false` |" in page
