"""Where processes meet."""

from skryba.config.keeping import Recorder
from skryba.config.model import Config, Media
from skryba.places import recorder_socket, ring_paths


def test_the_same_configuration_meets_at_the_same_place() -> None:
    config = Config(media=Media(threads=2))
    assert ring_paths(config) == ring_paths(config)
    assert len(set(ring_paths(config))) == 2
    assert recorder_socket(config).parent == config.operations.control.parent


def test_two_configurations_do_not_share_a_ring(tmp_path: object) -> None:
    other = Config(recorder=Recorder.model_validate({"spool": str(tmp_path)}))
    assert ring_paths(Config()) != ring_paths(other)
