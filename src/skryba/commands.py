"""The commands on recordings that lie there already: find, export, render again, erase, keys, hooks, reconcile.

Words in, facts out; everything heavy is imported by the command that needs it. What a person can mend is a SkrybaError.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from skryba import clock
from skryba.config.load import load
from skryba.config.model import Config
from skryba.errors import ConfigError, IntegrityError, StateError

Words = dict[str, Any]


def read(path: Path | None) -> Config:
    """The configuration. ConfigError with all its faults."""
    return load(path, os.environ)


def init_keys(config: Config, *, public: bool) -> list[str]:
    """Make a master key, or a pair for a machine that can only encrypt; what to do next, in words."""
    from skryba.vault.keyfile import generate_exchange_key, public_path
    from skryba.vault.master import FileMaster

    path = config.encryption.master_key
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if public:
        generate_exchange_key(path)
        return [
            f"{path}: the private key. It opens every recording: keep it where people listen, not here.",
            f'{public_path(path)}: copy it to the recorder and set there encryption.mode = "public" and public_key',
        ]
    FileMaster.create(path)
    return [
        f"{path}: the master key. Without it nothing can ever be heard: keep a copy elsewhere, on paper.",
        'Next: encryption.mode = "master" in the configuration, and a restart.',
    ]


def rotate_keys(config: Config, new: Path) -> int:
    """Wrap all keys by the master key in `new`, made if it is not there; how many days were written anew."""
    from skryba.locksmith import keyring_of
    from skryba.vault.master import FileMaster

    keyring = keyring_of(config)
    if keyring is None:
        raise ConfigError("nothing is encrypted here: encryption.mode is off")
    return keyring.rotate(FileMaster(new) if new.exists() else FileMaster.create(new))


def replay_erasures(config: Config) -> list[str]:
    """Carry out every tombstone again: what had come back with a backup."""
    from skryba.keeper import eraser_of, objects_of
    from skryba.locksmith import journal_of
    from skryba.vault.chain import Kind

    eraser, at = eraser_of(config, objects_of(config)), clock.at()
    return [
        entry.id
        for entry in journal_of(config, None).entries()
        if entry.kind is Kind.ERASED and eraser.carry_out(entry, at)
    ]


def rotate_signing(config: Config, new: Path) -> str:
    """From here on the key in `new`, made now, signs; the key before it says so in the chain. Its id.

    Verifiers begin with the first key: the public file of the new one holds all before it as well.
    """
    from skryba.locksmith import journal_of, signer_of
    from skryba.vault.keyfile import generate_signer, public_path

    journal = journal_of(config, signer_of(config))
    before = public_path(config.evidence.signing_key).read_bytes()
    signer = generate_signer(new)
    journal.change_signer(signer)
    public_path(new).write_bytes(before + signer.public_pem())
    return signer.key_id


def start_signing(config: Config, reason: str) -> str:
    """Go on with a new signing key where the old one is lost; verifiers need both public keys from here on. Its id."""
    from skryba.locksmith import journal_of, signer_of
    from skryba.vault.keyfile import public_path

    public = public_path(config.evidence.signing_key)
    before = public.read_bytes() if public.exists() else b""
    if not config.evidence.signing_key.exists():
        public.unlink(missing_ok=True)  # nothing that exists is overwritten; it comes back below
    signer = signer_of(config)
    journal_of(config, signer).start(reason)
    public.write_bytes(before.replace(signer.public_pem(), b"") + signer.public_pem())
    return signer.key_id


def render(config: Config, recording: str, folder: Path) -> Words:
    """Make a recording's files again from its kept packets, and say whether they are those of the first time."""
    import json

    from skryba.locksmith import journal_of, keyring_of
    from skryba.recorder import seal
    from skryba.recorder.publication import Making
    from skryba.recorder.storage import Storage
    from skryba.vault.chain import Kind

    storage = Storage(config.recorder.folder, config.recorder.spool)
    if not storage.is_id(recording):
        raise StateError(f"{recording!r} is no recording's id")
    entry = journal_of(config, None).find(recording, Kind.SEAL)
    before: Words = {}
    if entry is not None:
        path = config.recorder.folder / str(entry.facts["folder"]) / f"{entry.id}.json"
        before = json.loads(path.read_bytes()) if path.exists() else {}
    name = (before.get("encryption") or {}).get("key", recording)
    keyring = keyring_of(config)
    key = keyring.get(name) if keyring is not None and keyring.has(name) else None
    folder.mkdir(parents=True, exist_ok=True)
    making = Making(split_minutes=config.recorder.split_minutes, key=key, plain=True)
    try:
        made = seal.render(storage, recording, folder, making)
    except FileNotFoundError:
        raise StateError(
            f"there are no packets of {recording}: recorder.spool_days is how long they are kept"
        ) from None
    pairs = list(zip(_audio(before), _audio(made), strict=False))
    same = bool(pairs) and all(old["plain_sha256"] == new["plain_sha256"] for old, new in pairs)
    return {
        "ok": same,
        "id": recording,
        "identical": same if before else None,
        "files": [str(folder / file["file"]) for file in made["files"]],
        "sha256_pcm": made["audio"]["sha256_pcm"],
    }


def _audio(manifest: Mapping[str, Any]) -> list[Words]:
    return [file for file in manifest.get("files", []) if file["role"] == "audio"]


def find(config: Config, **question: Any) -> list[Words]:
    """The newest recordings that fit; see `skryba.archive.search.Query`."""
    from dataclasses import asdict

    from skryba.archive.search import Query

    return [asdict(row) for row in _catalogue(config).search(Query(**question)).rows]


def export(config: Config, out: Path, *, decrypt: bool, reason: str, question: Mapping[str, Any]) -> Words:
    """Write all recordings that fit as one ZIP."""
    from skryba.archive.export import export as write
    from skryba.archive.export import local_audio
    from skryba.archive.search import LARGEST_PAGE, Query
    from skryba.locksmith import keyring_of, signer_of
    from skryba.recorder.verify import CHAIN
    from skryba.vault.keyfile import public_path
    from skryba.vault.signing import split_pem

    catalogue, query = _catalogue(config), Query(**{**question, "limit": LARGEST_PAGE})
    manifests: list[Path] = []
    while True:
        page = catalogue.search(query)
        manifests += [config.recorder.folder / row.folder / f"{row.id}.json" for row in page.rows if not row.erased_at]
        if page.next is None:
            break
        query = Query(**{**question, "limit": LARGEST_PAGE, "after": page.next})
    if not manifests:
        raise StateError("no recording fits: nothing was written")
    keyring = keyring_of(config) if decrypt else None
    signer = signer_of(config)
    with out.open("xb") as file:
        done = write(
            manifests,
            file,
            open_audio=local_audio(keyring.get if keyring is not None else None),
            decrypt=keyring is not None,
            at=clock.at(),
            reason=reason,
            chain=config.recorder.folder / CHAIN,
            public_keys=split_pem(public_path(config.evidence.signing_key).read_bytes()),
            signer=signer,
        )
    absent = [f"{name}: {why}" for name, why in done.absent]
    return {"ok": not absent, "recordings": done.recordings, "octets": done.octets, "file": str(out), "absent": absent}


def erase(config: Config, stem: str, reason: str) -> Words:
    """Destroy one recording for good: key, files, copies. The chain keeps a tombstone."""
    from skryba.keeper import eraser_of, objects_of
    from skryba.locksmith import journal_of, signer_of

    at = clock.at()
    tombstone = eraser_of(config, objects_of(config)).erase(journal_of(config, signer_of(config)), stem, reason, at)
    _catalogue(config).mark_erased(stem, at)
    return {"ok": True, "id": stem, "entry": tombstone.seq, "erased": tombstone.at}


def dead_letters(config: Config) -> list[Words]:
    """Deliveries of hooks that were given up."""
    return [
        {
            "id": letter.delivery.id,
            "hook": letter.delivery.hook,
            "recording": letter.delivery.recording,
            "error": letter.error,
            "at": letter.at.isoformat(),
        }
        for letter in _deliveries(config).dead_letters()
    ]


def revive(config: Config, delivery: int) -> bool:
    """Try a dead letter again. False: there is none of that number."""
    return bool(_deliveries(config).revive(delivery, clock.at()))


def reconcile(config: Config) -> Words:
    """Compare calls, chain, catalogue, disk and store now."""
    from skryba.keeper import Keeper

    keeper = Keeper(config)
    keeper.follow()
    keeper.reconcile()
    found = [
        {"category": each.category.value, "subject": each.subject, "detail": each.detail}
        for each in keeper.findings.open()
    ]
    return {"ok": not found, "findings": found}


def assurance(config: Config, day: date) -> Words:
    """What became of the calls of one day."""
    from skryba.keeper import Keeper

    return Keeper(config).report_of(day).facts()


def verify(path: Path, public_keys: list[Path], config: Path | None) -> Words:
    """A recording, a folder of recordings, or an export."""
    from skryba.archive import offline
    from skryba.recorder.verify import report
    from skryba.vault.signing import Verifier

    pems = [each.read_bytes() for each in public_keys] or list(_own_key(config))
    if path.suffix == ".zip" or (path / offline.CONTENTS).exists():
        if not pems:
            raise ConfigError("an export is proven by a public key: --public-key KEY.pem")
        try:
            found = offline.verify(path, pems).words()
        except ValueError as error:
            raise IntegrityError(str(error)) from error
        return {**found, "checked": found["recordings"]}
    return report(path, Verifier.from_pem(*pems) if pems else None)


def _own_key(config: Path | None) -> Iterator[bytes]:
    """The public half of the signing key, where there is a configuration that names one."""
    from skryba.vault.keyfile import public_path

    if config is not None:
        path = public_path(read(config).evidence.signing_key)
        if path.exists():
            yield path.read_bytes()


def _catalogue(config: Config) -> Any:
    from skryba.archive.catalogue import Catalogue
    from skryba.archive.database import connect
    from skryba.policy.e164 import normalise

    return Catalogue(
        connect(config.operations.database), number=lambda text: normalise(text, country=config.policy.country)
    )


def _deliveries(config: Config) -> Any:
    from skryba.archive.database import connect
    from skryba.archive.delivery_book import Deliveries

    return Deliveries(connect(config.operations.database))
