"""The keeper process: what happens to recordings after they were sealed, one task beside the other, each tried again.

Holds no rule of any room; what it knows is which task runs when, on what, and who is told.
"""

import asyncio
import hashlib
import json
import secrets
import signal
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import structlog

from skryba import clock
from skryba.archive.assurance import Report, report
from skryba.archive.books import Backlog, FileEntry
from skryba.archive.catalogue import Catalogue
from skryba.archive.database import connect
from skryba.archive.deliverer import Deliverer
from skryba.archive.delivery_book import Deliveries
from skryba.archive.erasure import Eraser
from skryba.archive.findings import Findings
from skryba.archive.hooks import Hook, announce
from skryba.archive.naming import NameFields, NameTemplate
from skryba.archive.objects import Account, Objects
from skryba.archive.reconciliation import Day, Finding, reconcile_calls, reconcile_day
from skryba.archive.sealed import files_of
from skryba.archive.shelf import Shelf, seals
from skryba.archive.upload import key_of
from skryba.archive.upload_book import Uploads
from skryba.archive.uploader import Uploader
from skryba.config.model import Config
from skryba.control import ask_door
from skryba.locksmith import journal_of, keyring_of, signer_of
from skryba.metrics import catalogue as metrics
from skryba.metrics.endpoint import Endpoint
from skryba.metrics.keeping import KeeperCounts
from skryba.policy.e164 import normalise
from skryba.recorder.storage import Storage
from skryba.recorder.verify import CHAIN
from skryba.vault.chain import Entry, Kind
from skryba.vault.stamp import request_stamp

_FOLLOW, _MINUTE, _HOUR = 1.0, 60.0, 3600.0
_SETTLING = timedelta(minutes=5)  # after its end a call has been sealed, or something is wrong
_LOOK_BACK = timedelta(days=2)
_SECOND_LOOK = 2.0  # seconds: a difference is one only if it is still there
_UPLOAD_BYTES = 125_000  # octets a second of one Mbit/s

log = structlog.get_logger("keeper")


class Keeper:
    """One run of the process. `run()` returns its exit code."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.counts = KeeperCounts()
        self._stopping = asyncio.Event()
        self._storage = Storage(config.recorder.folder, config.recorder.spool)
        self._shelf = Shelf(config.recorder.folder)
        self._journal = journal_of(config, signer_of(config))
        self._template = NameTemplate.parse(config.recorder.name)
        engine = connect(config.operations.database)
        self._engine = engine
        self.catalogue = Catalogue(engine, number=lambda text: normalise(text, country=config.policy.country))
        self.findings = Findings(engine)
        self.uploads = Uploads(engine)
        self.deliveries = Deliveries(engine)
        self._hooks = [Hook(each.id, each.url, each.secret, each.timeout) for each in config.hook]
        self._objects = objects_of(config)
        self._eraser = eraser_of(config, self._objects)
        self._dice = secrets.SystemRandom().random
        self._ending = threading.Event()

    async def run(self) -> int:
        """Until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        endpoint = Endpoint(self._config.operations.keeper_address, self.counts)
        endpoint.start()
        deliverer = Deliverer(self._hooks, self.deliveries, now_at=clock.at, dice=self._dice)
        log.info("keeping")
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._every(_FOLLOW, "follow", self.follow)),
                    group.create_task(self._every(_MINUTE, "clock", self.look_at_the_clock)),
                    group.create_task(self._every(_MINUTE, "spools", self.remove_expired_spools)),
                    group.create_task(self._every(_HOUR, "heads", self.close_days)),
                    group.create_task(self._every(_HOUR, "assurance", self.assure, first=2 * _MINUTE)),
                    group.create_task(self._every(_HOUR, "erasures", self.replay_erasures)),
                    group.create_task(self._every(_HOUR, "reconciliation", self.reconcile, first=_MINUTE)),
                    group.create_task(self._deliver(deliverer)),
                ]
                if self._objects is not None:
                    tasks.append(group.create_task(self._upload(self._objects)))
                await self._stopping.wait()
                self._ending.set()
                for task in tasks:
                    task.cancel()
        finally:
            endpoint.stop()
            self._engine.dispose()
        log.info("ended")
        return 0

    # --- the tasks ----------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """What was sealed or erased since comes into catalogue and books. Told again, it does nothing."""
        for entry in self._journal.entries(self.catalogue.position()):
            manifest = self._shelf.manifest(entry) if entry.kind is Kind.SEAL else None
            words = {**_words(entry), "facts": dict(entry.facts)}
            if entry.kind is Kind.SEAL and manifest is None:
                self.catalogue.set_position("catalogue", entry.seq)  # erased meanwhile, or lost: reconciliation tells
            else:
                if manifest is not None:
                    manifest = manifest | {"name": self._template.fill(NameFields.of_manifest(manifest))}
                    self._enqueue(entry, words, manifest)
                elif entry.kind is Kind.ERASED:
                    self._eraser.carry_out(entry, clock.at())
                self.catalogue.follow(words, manifest)
            self.counts.show(metrics.CHAIN_LENGTH, entry.seq)

    def _enqueue(self, entry: Entry, words: dict[str, Any], manifest: dict[str, Any]) -> None:
        at = clock.at()
        if self._objects is not None:
            beside = [_entry_of(self._shelf.manifest_path(entry).with_suffix(kind)) for kind in (".json", ".seal")]
            folder = str(entry.facts["folder"])
            self.uploads.enqueue(entry.id, folder, [*files_of(manifest), *beside], at)
        announce(self.deliveries, self._hooks, words, manifest, at=at)

    def look_at_the_clock(self) -> None:
        """Recordings are evidence of times: a clock that is off is told (product rule I10)."""
        offset, synchronised = clock.discipline()
        self.counts.show(metrics.CLOCK_OFFSET, offset)
        self.counts.show(metrics.CLOCK_SYNCHRONISED, synchronised)

    def remove_expired_spools(self) -> None:
        """Packets that were kept long enough."""
        before = clock.at().timestamp() - self._config.recorder.spool_days * 86_400
        for path in self._storage.expired(before):
            path.unlink(missing_ok=True)

    def close_days(self) -> None:
        """Name and, if so configured, stamp the last line of each day that is over."""
        today = clock.at().date()
        for path in sorted((self._config.recorder.folder / CHAIN).glob("*.jsonl")):
            day = date.fromisoformat(path.stem)
            if day >= today:
                continue
            self._journal.append_head(day)
            self._stamp(path)

    def _stamp(self, path: Path) -> None:
        authority, token = self._config.evidence.time_stamp_authority, path.with_suffix(".tsr")
        if authority and not token.exists():
            last = path.read_bytes().splitlines()[-1]
            token.write_bytes(request_stamp(authority, last))

    def assure(self) -> None:
        """The report of yesterday, once (product rule J5): into the log and beside the control socket."""
        yesterday = clock.at().date() - timedelta(days=1)
        path = self._config.operations.control.parent / f"assurance-{yesterday.isoformat()}.json"
        if path.exists():
            return
        made = self.report_of(yesterday)
        path.write_text(json.dumps(made.facts(), indent=1) + "\n", encoding="utf-8")
        log.info("assurance", day=yesterday.isoformat(), share=made.share, concerns=list(made.concerns))

    def report_of(self, day: date) -> Report:
        """What became of the calls of one day (UTC)."""
        counts = self.findings.counts(_midnight(day), _midnight(day + timedelta(days=1)))
        backlog, dead = self.uploads.backlog().count, len(self.deliveries.dead_letters())
        return report(day, replace(counts, upload_backlog=backlog, dead_letters=dead))

    def replay_erasures(self) -> None:
        """A restored backup brings nothing back: every tombstone is carried out again."""
        for entry in self._journal.entries(0):
            if entry.kind is Kind.ERASED and self._eraser.carry_out(entry, clock.at()):
                log.warning("erased again what had come back", recording=entry.id)

    def reconcile(self) -> None:
        """Calls, chain, catalogue, disk and store must tell the same."""
        at = clock.at()
        self.findings.settle(at - _SETTLING)
        found = self._differences(at)
        if found:
            self._ending.wait(_SECOND_LOOK)  # what was under way is done by then
            found &= self._differences(at)
        self.findings.record(found, at)
        by_category: dict[tuple[str, ...], float] = {}
        for finding in found:
            by_category[(finding.category.value,)] = by_category.get((finding.category.value,), 0) + 1
            log.error("records differ", category=finding.category.value, subject=finding.subject, detail=finding.detail)
        self.counts.replace(metrics.LEDGER_DIFFERENCE, by_category)
        self.counts.show(metrics.RECONCILED, clock.at().timestamp())

    def _differences(self, at: datetime) -> set[Finding]:
        since, until = at - _LOOK_BACK, at - _SETTLING
        sealed = seals(self._journal)
        found = set(reconcile_calls(self.findings.calls(since, until), self._signalled(since, until)))
        found |= set(self.findings.strays(since, until))
        days = set(self._shelf.days(since.date(), at.date())) | set(self.findings.folders(since, until))
        for folder in sorted(days):
            day = Day(
                folder=folder,
                seals=sealed.get(folder, {}),
                recordings={each.id: each for each in self.catalogue.in_folder(folder)},
                manifests=self._shelf.manifests(folder),
                local=self._shelf.sizes(folder),
                remote=self._remote(folder),
            )
            found |= set(reconcile_day(day))
        return found

    def _signalled(self, since: datetime, until: datetime) -> set[str]:
        """Calls that signalling itself says it carried in that while; nothing if it cannot be asked."""
        try:
            told = ask_door(self._config.operations.control, "carried")["calls"]
            ended = [(call, datetime.fromisoformat(begin), datetime.fromisoformat(end)) for call, begin, end in told]
        except (OSError, ValueError, KeyError, TypeError):
            return set()
        return {call for call, begin, end in ended if since <= begin and end < until}

    def _remote(self, folder: str) -> dict[str, int] | None:
        if self._objects is None:
            return None
        prefix = key_of(self._config.storage.prefix, folder, "x").removesuffix("/x")
        return {
            stored.key.rpartition("/")[2]: stored.octets
            for stored in self._objects.listing(prefix)
            if not stored.key.endswith((".json", ".seal"))
        }

    # --- how they run -------------------------------------------------------------------------------------------------

    async def _every(self, seconds: float, name: str, task: Callable[[], None], *, first: float = 0.0) -> None:
        await asyncio.sleep(first)
        while True:
            try:
                await asyncio.to_thread(task)
                self.counts.problems.pop(name, None)
            except Exception as error:  # tried again, whatever it was: one task must not end the others
                self.counts.count(metrics.KEEPER_FAULTS, name)
                self.counts.problems[name] = f"{type(error).__name__}: {error}"
                log.error("task failed, tried again", task=name, error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(seconds)

    async def _deliver(self, deliverer: Deliverer) -> None:
        async def show() -> None:
            while True:
                await asyncio.sleep(_FOLLOW)
                for (hook, outcome), count in list(deliverer.results.items()):
                    self.counts.counters[metrics.HOOK_DELIVERIES][hook, outcome.value] = count
                dead = await asyncio.to_thread(self.deliveries.dead_letters)
                self.counts.show(metrics.HOOK_DEAD, len(dead))

        await self._supervised("hooks", deliverer.run, show)

    async def _upload(self, objects: Objects) -> None:
        storage = self._config.storage
        uploader = Uploader(
            self.uploads,
            objects,
            self._config.recorder.folder,
            dice=self._dice,
            prefix=storage.prefix,
            rate=storage.bandwidth_mbit * _UPLOAD_BYTES,
            keep_local=timedelta(days=storage.keep_local_days),
        )

        async def rounds() -> None:
            while True:
                for attempt in await asyncio.to_thread(uploader.round):
                    self.counts.count(metrics.UPLOADS, attempt.outcome.value)
                    if attempt.outcome.needs_a_person:
                        log.error("upload needs a person", recording=attempt.recording, detail=attempt.detail)
                self.counts.counters[metrics.UPLOADED_BYTES][()] = uploader.counts.octets
                if uploader.away:
                    self.counts.problems["uploads"] = uploader.away
                else:
                    self.counts.problems.pop("uploads", None)
                self._show_backlog(await asyncio.to_thread(self.uploads.backlog))
                await asyncio.sleep(uploader.wait)

        try:
            await self._supervised("uploads", rounds)
        finally:
            uploader.stop()

    def _show_backlog(self, backlog: Backlog) -> None:
        self.counts.show(metrics.UPLOAD_WAITING, backlog.count)
        self.counts.show(metrics.UPLOAD_WAITING_BYTES, backlog.octets)
        oldest = (clock.at() - backlog.oldest_at).total_seconds() if backlog.oldest_at else 0.0
        self.counts.show(metrics.UPLOAD_OLDEST, oldest)

    async def _supervised(self, name: str, *tasks: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    for task in tasks:
                        group.create_task(task())
            except* Exception as errors:
                self.counts.count(metrics.KEEPER_FAULTS, name)
                log.error("task failed, tried again", task=name, error=str(errors.exceptions[0]))
            await asyncio.sleep(_FOLLOW)


def eraser_of(config: Config, objects: Objects | None) -> Eraser:
    """What erases a recording and all that belongs to it."""
    return Eraser(
        config.recorder.folder,
        config.recorder.spool / "kept",
        keys=keyring_of(config),
        copies=objects,
        key_of=lambda folder, file: key_of(config.storage.prefix, folder, file),
    )


def objects_of(config: Config) -> Objects | None:
    """The object store; None where recordings stay here."""
    storage = config.storage
    if storage.kind != "s3":
        return None
    account = Account(storage.endpoint, storage.bucket, storage.access_key, storage.secret_key, storage.region)
    return Objects.connect(account)


def _words(entry: Entry) -> dict[str, Any]:
    return {"seq": entry.seq, "at": entry.at, "kind": entry.kind.value, "id": entry.id, "digest": entry.digest}


def _entry_of(path: Path) -> FileEntry:
    octets = path.read_bytes()
    return FileEntry(path.name, len(octets), hashlib.sha256(octets).hexdigest())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
