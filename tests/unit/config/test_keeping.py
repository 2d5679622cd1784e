import pytest
from pydantic import ValidationError

from skryba.config.keeping import Encryption, Hook, Recorder, Storage


def test_defaults_write_plain_local_wav_files() -> None:
    assert Recorder().renditions == ()
    assert Encryption().mode == "off"
    assert Storage().kind == "local"


def test_secrets_do_not_appear_when_printed() -> None:
    hook = Hook(id="crm", url="https://crm.example.net/", secret="a-long-shared-secret")
    assert "shared" not in repr(hook)
    assert "hidden-one" not in repr(Storage(secret_key="hidden-one"))
    assert "open-sesame" not in repr(Encryption(passphrase="open-sesame"))


@pytest.mark.parametrize("url", ["", "ftp://example.net/", "javascript:alert(1)"])
def test_hook_goes_to_a_web_address_only(url: str) -> None:
    with pytest.raises(ValidationError):
        Hook(id="crm", url=url, secret="a-long-shared-secret")


def test_weak_hook_secret_is_refused() -> None:
    with pytest.raises(ValidationError):
        Hook(id="crm", url="https://crm.example.net/", secret="short")


def test_empty_public_key_means_none() -> None:
    assert Encryption.model_validate({"public_key": ""}).public_key is None
