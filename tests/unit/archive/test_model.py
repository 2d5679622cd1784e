from skryba.archive.model import CallRow, Recording, RecordingRow
from skryba.archive.tables import CALLS, RECORDINGS

DERIVED = {"caller_e164", "callee_e164", "caller_reversed", "callee_reversed"}


def test_every_field_has_its_column_and_the_other_way_round() -> None:
    fields = {*CallRow.__dataclass_fields__, *RecordingRow.__dataclass_fields__}
    assert fields | DERIVED | {"conversation", "terminal"} == set(CALLS.columns.keys())
    of_recordings = {*Recording.__dataclass_fields__, "facet", "caller_reversed", "callee_reversed"}
    assert of_recordings == set(RECORDINGS.columns.keys())
