"""⚡ An S3-compatible object store: create only, read back, read ranges.

Knows no recording and no book; every failure of the store is a `StoreError`. Keys come from `upload.key_of`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from skryba.archive.upload import SMALL, Stored
from skryba.errors import ResourceError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

HASH = "sha256"  # name of the metadata that holds an object's hash
BLOCK = 4 * 1024 * 1024  # octets a request reads back
WORDS = 400  # characters of the store's own words that are kept

# An upload may take its time: 5 MiB within five minutes is 140 kbit/s. A listener may not be kept waiting.
UPLOAD_TIMEOUT = timedelta(minutes=5)
READ_TIMEOUT = timedelta(seconds=15)
CONNECT_TIMEOUT = timedelta(seconds=5)
UPLOAD_RETRY: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
READ_RETRY: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}  # the library's own: 3 minutes

_CODE = re.compile(r"<Code>(\w+)</Code>")  # of the XML that S3 answers with
_REQUEST = re.compile(r"performing ([A-Z]+ \S+) in .*? - (.*)", re.DOTALL)


class StoreError(ResourceError):
    """The store is away, refuses us, or failed. `str()` is one line in its own words."""


@dataclass(frozen=True, slots=True)
class Account:
    """Which store, and who we are there."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    authorities: bytes | None = None  # PEM of further certificate authorities, for a store with its own


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in the store, read where one likes; fits `vault.container.Opener`."""

    octets: int
    read_at: Callable[[int, int], bytes]


class Objects:
    """One bucket. Every method blocks until the store answered, and may be called from many threads at once."""

    def __init__(self, store: "ObjectStore", reader: "ObjectStore") -> None:
        """Twice the same bucket: `store` is patient with uploads, `reader` with nobody."""
        self._store = store
        self._reader = reader

    @classmethod
    def connect(cls, account: Account) -> Self:
        """Nothing is sent yet."""
        return cls(_store(account, UPLOAD_TIMEOUT, UPLOAD_RETRY), _store(account, READ_TIMEOUT, READ_RETRY))

    def check(self) -> None:
        """StoreError unless the bucket is there and lets us look into it."""
        with _told():
            next(iter(obstore.list(self._reader, chunk_size=1)), None)

    def head(self, key: str) -> Stored | None:
        with _told():
            try:
                found = obstore.get(self._reader, key, options={"head": True})
            except FileNotFoundError:
                return None
            return Stored(key, found.meta["size"], found.attributes.get(HASH))

    def create(self, key: str, data: bytes, sha256: str) -> bool:
        """In one conditional request (If-None-Match, RFC 9110 §13.1.2). False: there is an object of that name."""
        with _told():
            try:
                obstore.put(
                    self._store, key, data, mode="create", attributes=_attributes(key, sha256), use_multipart=False
                )
            except AlreadyExistsError:
                return False
            return True

    def stream(self, key: str, pieces: Iterator[bytes], sha256: str) -> None:
        """In parts; visible only when whole. Whatever `pieces` raises ends the upload and comes out here.

        Would overwrite: the caller has looked, and owns the name.
        """
        with _told():
            obstore.put(
                *(self._store, key, pieces),
                attributes=_attributes(key, sha256),
                use_multipart=True,
                chunk_size=SMALL,
                max_concurrency=2,  # one fills while one flies; more would be a larger burst
            )

    def read_back(self, key: str, octets: int, before: Callable[[int], None]) -> str:
        """SHA-256 of what the store really holds. `before` is told how many octets come next, and may wait or raise."""
        digest = hashlib.sha256()
        for start in range(0, octets, BLOCK):
            length = min(BLOCK, octets - start)
            before(length)
            with _told():
                digest.update(obstore.get_range(self._store, key, start=start, length=length))
        return digest.hexdigest()

    def open_remote(self, key: str) -> RemoteFile | None:
        found = self.head(key)
        if found is None:
            return None
        octets = found.octets

        def read_at(offset: int, length: int) -> bytes:
            wanted = min(length, octets - offset)
            if wanted <= 0:
                return b""  # S3 answers an empty range with an error
            with _told():
                return bytes(obstore.get_range(self._reader, key, start=offset, length=wanted))

        return RemoteFile(octets, read_at)

    def listing(self, folder: str) -> Iterator[Stored]:
        """All objects below `folder`, without their hashes; for reconciliation."""
        with _told():
            for several in obstore.list(self._reader, prefix=folder):
                for each in several:
                    yield Stored(each["path"], each["size"])

    def delete(self, key: str) -> None:
        """For erasure. An object that is not there is no error."""
        with _told():
            obstore.delete(self._store, key)


def _store(account: Account, timeout: timedelta, retry: "RetryConfig") -> S3Store:
    client: ClientConfig = {
        "allow_http": account.endpoint.startswith("http://"),
        "connect_timeout": CONNECT_TIMEOUT,
        "timeout": timeout,
        "user_agent": "skryba",
    }
    if account.authorities is not None:
        client["root_certificate"] = account.authorities
    return S3Store(
        account.bucket,
        endpoint=account.endpoint,
        access_key_id=account.access_key,
        secret_access_key=account.secret_key,
        region=account.region,
        checksum_algorithm="sha256",  # checked by the store on arrival; object lock demands it
        disable_bulk_delete=True,  # one DELETE for one object: every store knows it
        virtual_hosted_style_request=False,  # a private store rarely has a name for each bucket
        client_options=client,
        retry_config=retry,
    )


def _attributes(key: str, sha256: str) -> dict[str, str]:
    kind = "application/json" if key.endswith((".json", ".seal")) else "application/octet-stream"
    return {HASH: sha256, "Content-Type": kind}


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise StoreError(_short(str(error))) from None


def _short(words: str) -> str:
    """`PUT http://…/key: … 403 Forbidden: SignatureDoesNotMatch`: which request, and what the store said of it."""
    words = words.partition("\n\nDebug source")[0]  # what follows is the library's own structure
    if code := _CODE.search(words):
        words = words.partition("<?xml")[0] + code[1]
    if request := _REQUEST.search(words):
        words = f"{request[1]}: {request[2]}"
    return " ".join(words.split())[:WORDS]
