"""The options of what becomes of recordings: files, encryption, evidence, storage, hooks.

Knows no file and no environment; `model` puts these sections into the configuration.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from skryba.config.words import Identifier, NonEmptyText, Section, Text, empty_is_none, http_address

Rendition = Literal["flac", "opus", "mp3"]


class Recorder(Section):
    """Where recordings go and what they are."""

    folder: Path = Field(
        default=Path("recordings"),
        description="Folder of finished recordings: `YYYY/MM/DD/<id>.wav`, `.json` and `.seal`.",
    )
    spool: Path = Field(
        default=Path("spool"),
        description="Folder of the packet evidence of running recordings; best on the same disk as `folder`.",
    )
    spool_days: float = Field(
        default=3.0,
        ge=0,
        le=3650,
        description="Days that the packets of a sealed recording are kept, so that `skryba render ID` can make the "
        "very same file again. 0: removed as soon as the recording is sealed.",
    )
    ring_megabytes: int = Field(
        default=0,
        ge=0,
        le=65536,
        description="Shared memory between a media thread and the recorder, in MiB; only what waits takes memory. "
        "0: enough for 60 s of `limits.calls` G.711 calls.",
    )
    sealers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Processes that turn packets into files, at low priority. 0: half of the cores.",
    )
    renditions: tuple[Rendition, ...] = Field(
        default=(),
        description="Files beside the WAV for rules that name none: `flac`, `opus`, `mp3`.",
    )
    split_minutes: int = Field(
        default=0,
        ge=0,
        le=1440,
        description="Longest audio file; a longer recording continues in the next one without losing a sample. "
        "0: one file however long (RF64 beyond 4 GiB).",
    )
    name: NonEmptyText = Field(
        default="{date}_{time}_{direction}_{station}_{id}",
        description="Name that people see on downloads and exports. Fields: `date`, `time`, `station`, `direction`, "
        "`trunk`, `caller`, `callee`, `caller_masked`, `callee_masked`, `id`, `rule`, `purpose`. "
        "Files on disk are named by the id alone.",
    )
    min_free_megabytes: int = Field(
        default=256,
        ge=0,
        description="Free space on the spool's disk below which no new recording begins.",
    )


class Encryption(Section):
    """Recordings unreadable without their keys."""

    mode: Literal["off", "master", "public"] = Field(
        default="off",
        description="`off`: plain files. `master`: AES-256-GCM, a key for each recording, wrapped by the master key. "
        "`public`: the same, but this machine can only encrypt; the private key is kept elsewhere.",
    )
    keys: Path = Field(
        default=Path("keys/ring"),
        description="Folder of wrapped keys. Not on the disk, nor in the backup, of recordings.",
    )
    master_key: Path = Field(
        default=Path("keys/master.key"), description="File of the master key; `skryba keys init` makes one."
    )
    passphrase: Text = Field(
        default="",
        repr=False,
        description="Derive the master key from this instead; best given as SKRYBA_ENCRYPTION__PASSPHRASE.",
    )
    command: tuple[NonEmptyText, ...] = Field(
        default=(),
        description="Program that wraps and unwraps keys instead (KMS, PKCS#11), by JSON on its standard streams.",
    )
    public_key: Annotated[Path | None, BeforeValidator(empty_is_none)] = Field(
        default=None, description="For mode `public`: file of the public key that recordings are encrypted to."
    )


class Evidence(Section):
    """Signatures and time stamps."""

    signing_key: Path = Field(
        default=Path("keys/signing.pem"),
        description="Ed25519 key that signs every manifest; made at the first start. Its public half lies beside.",
    )
    time_stamp_authority: Annotated[str, AfterValidator(http_address)] = Field(
        default="", description="URL of an RFC 3161 service that stamps the head of each day. Empty: none."
    )


class Storage(Section):
    """Where finished recordings are copied to."""

    kind: Literal["local", "s3"] = Field(
        default="local", description="`local`: they stay in recorder.folder. `s3`: uploaded to an S3-compatible store."
    )
    endpoint: Annotated[str, AfterValidator(http_address)] = Field(
        default="", description="URL of the store, such as `https://s3.example.net`."
    )
    bucket: Text = Field(default="", description="Bucket; it must exist.")
    region: Text = Field(default="us-east-1", description="Region, as the store wants it.")
    prefix: Text = Field(default="", description="Put in front of every object's name.")
    access_key: Text = Field(default="", description="Access key.")
    secret_key: Text = Field(
        default="", repr=False, description="Secret key; best given as SKRYBA_STORAGE__SECRET_KEY."
    )
    bandwidth_mbit: float = Field(default=0.0, ge=0, description="Upload at most this many Mbit/s. 0: no limit.")
    keep_local_days: float = Field(
        default=30.0,
        ge=0,
        description="Days that the local audio stays after its upload was verified. Manifests stay always.",
    )


class Hook(Section):
    """Somebody who is told, once, of each sealed recording. One `[[hook]]` table each."""

    id: Identifier = Field(description="Name of the hook in logs, metrics and the dead-letter list.")
    url: Annotated[NonEmptyText, AfterValidator(http_address)] = Field(description="Where the POST goes.")
    secret: Text = Field(
        description="Shared secret of the signature, at least 16 characters.", repr=False, min_length=16
    )
    timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds to wait for an answer.")
