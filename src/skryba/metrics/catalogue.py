"""Every metric there is: name, kind, help, labels, buckets. The reference is written from here.

Knows no values. Units are in the names: seconds, bytes, ratios from 0 to 1. Labels never hold numbers of people,
Call-IDs or user names; `trunk` and `rule` are configured names.

`python -m skryba.metrics.catalogue FILE` writes docs/reference/metrics.md.
"""

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PREFIX = "skryba_"


class Kind(StrEnum):
    COUNTER = "counter"  # a name ends in _total
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One family. `buckets` are upper bounds without the infinite one."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    group: str = ""
    keeper: bool = False  # served by the keeper process, not by signalling

    @property
    def series(self) -> tuple[str, ...]:
        """The names that queries may use."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(self.name + ending for ending in ("_bucket", "_count", "_sum"))
        return (self.name,)


CATALOGUE: list[Metric] = []
_group = ""
_keeper = False


def _counter(name: str, text: str, *labels: str) -> Metric:
    return _add(Metric(f"{PREFIX}{name}_total", Kind.COUNTER, text, labels, (), _group, _keeper))


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return _add(Metric(f"{PREFIX}{name}", Kind.GAUGE, text, labels, (), _group, _keeper))


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Metric:
    return _add(Metric(f"{PREFIX}{name}", Kind.HISTOGRAM, text, labels, buckets, _group))


def _add(metric: Metric) -> Metric:
    CATALOGUE.append(metric)
    return metric


_group = "Process"
BUILD_INFO = _gauge("build_info", "Always 1; tells what runs.", "version", "python")
NODE_DRAINING = _gauge("node_draining", "1 while running calls may finish and new ones get 503.")
EVENT_LOOP_LAG = _histogram(
    "event_loop_lag_seconds",
    "How late the signalling loop woke from a short sleep.",
    buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
FAULTS = _counter("call_faults", "Calls ended by a bug of ours; each has a log line.")
LEDGER_DROPPED = _counter(
    "ledger_rows_dropped", "Rows of the call ledger that were lost because the database was not there."
)

_group = "SIP"
SIP_REQUESTS = _counter("sip_requests", "Requests without retransmissions.", "method", "direction")
SIP_RESPONSES = _counter("sip_responses", "Responses without retransmissions.", "code_class", "direction")
SIP_RETRANSMISSIONS = _counter("sip_retransmissions", "Messages seen or sent again.", "direction")
SIP_PARSE_ERRORS = _counter("sip_parse_errors", "Messages that break the grammar of SIP.")
SIP_TIMEOUTS = _counter("sip_transaction_timeouts", "Requests of ours that nobody answered.")
SIP_AUTH_FAILURES = _counter("sip_auth_failures", "Requests refused for who sent them: 401, 403 or 407.", "method")
SIP_REFUSED = _counter("sip_requests_refused", "Requests that made no call, by the status they got.", "method", "code")
SIP_TRANSACTIONS = _gauge("sip_transactions", "Transactions alive.", "kind")
SIP_BINDINGS = _gauge("sip_bindings", "Registered contacts of all stations.")
STATIONS_REGISTERED = _gauge("stations_registered", "Stations with at least one contact.")
TRUNK_UP = _gauge("trunk_up", "1 if the trunk answers.", "trunk")
TRUNK_REGISTERED = _gauge("trunk_registered", "1 if we are registered there; only for trunks that need it.", "trunk")

_group = "Calls"
CALLS_ACTIVE = _gauge("calls_active", "Calls in progress.", "state", "direction", "trunk")
CALLS_LIMIT = _gauge("calls_limit", "Calls at one time that the configuration allows.")
CALL_ATTEMPTS = _counter("call_attempts", "Calls begun.", "direction", "trunk")
CALLS_ANSWERED = _counter("calls_answered", "Calls that the callee answered.", "direction", "trunk")
CALLS_ENDED = _counter(
    "calls_ended",
    "Calls that are over, by how they ended and the final SIP status of the INVITE (empty: none).",
    "direction",
    "trunk",
    "result",
    "code",
)
CALL_SETUP = _histogram(
    "call_setup_seconds",
    "From the INVITE to the callee's answer, people's thinking included.",
    "direction",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0),
)
POST_DIAL_DELAY = _histogram(
    "call_post_dial_delay_seconds",
    "From the INVITE to the callee's first provisional answer.",
    "direction",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
)
CALL_DURATION = _histogram(
    "call_duration_seconds",
    "From the bridge to the end, of calls that were bridged.",
    "direction",
    buckets=(5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0),
)

_group = "Media"
RTP_PACKETS = _counter("rtp_packets", "RTP packets of parties, received and sent.", "direction")
RTP_BYTES = _counter("rtp_bytes", "Bytes of those packets, RTP header included.", "direction")
RTP_LOST = _counter("rtp_packets_lost", "Packets that did not reach us, by their sequence numbers.")
RTP_LATE = _counter("rtp_packets_late", "Packets that came out of order.")
RTP_DROPPED = _counter(
    "rtp_packets_dropped",
    "Packets not relayed: from a stranger (foreign), or refused by the kernel (send_error).",
    "reason",
)
RTP_JITTER = _histogram(
    "rtp_jitter_seconds",
    "Interarrival jitter (RFC 3550) of each party's stream, observed at its end.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2),
)
RTP_LOSS = _histogram(
    "rtp_loss_ratio",
    "Share of each party's packets that did not reach us, observed at its end.",
    buckets=(0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25),
)
RTP_PORTS = _gauge("rtp_ports_in_use", "UDP ports lent to calls.")
RTP_PORTS_LIMIT = _gauge("rtp_ports_limit", "UDP ports that the configuration allows.")

_group = "Notices"
ANNOUNCEMENTS = _counter(
    "announcements",
    "Notices toward one party: completed, interrupted, or failed (the call went on unrecorded).",
    "language",
    "result",
)

_group = "Recording"
RECORDING_DECISIONS = _counter("recording_decisions", "Decisions of the policy, by rule.", "rule", "decision")
RECORDINGS_ACTIVE = _gauge("recordings_active", "Calls being recorded now.")
RECORDINGS_STARTED = _counter("recordings_started", "Recordings begun.", "direction")
RECORDINGS_REFUSED = _counter(
    "recordings_refused", "Calls that the recorder could not begin to record; each goes on unrecorded, or is ended."
)
RECORDINGS_FINISHED = _counter("recordings_finished", "Recordings sealed, by their terminal state.", "result")
RECORDING_AUDIO = _counter("recording_audio_seconds", "Length of the sealed recordings.")
RECORDING_ALARMS = _counter(
    "recording_alarms", "Sealed recordings that a person should look at: silent, one-way, not decodable.", "alarm"
)
RECORDER_READY = _gauge("recorder_ready", "1 while new recordings can begin: recorder there, disk not full.")
RECORDER_STALL = _gauge("recorder_stall_seconds", "How long the disk has not taken what the recorder writes.")
RECORDER_UP = _gauge("recorder_up", "1 if the recorder process is connected.")
SPOOLS = _gauge("recording_spools", "Recordings whose packets are not sealed yet, running ones included.")
SPOOL_AGE = _gauge(
    "recording_spool_age_seconds",
    "Since the spool that waits longest was last written; running ones are written all the time.",
)
RING_OVERFLOW = _counter(
    "recording_ring_overflow_packets", "Packets lost to recordings because a ring was full; calls heard them."
)

_group = "Storage"
STORAGE_FREE = _gauge("storage_free_bytes", "Free space where recordings and spools lie.", "volume")
STORAGE_SIZE = _gauge("storage_size_bytes", "Size of that volume.", "volume")
DISK_LEFT = _gauge("storage_left_seconds", "At the present rate, until the disk of the recordings is full.")
DISK_DROPPED = _counter(
    "recording_disk_dropped_packets", "Packets lost to recordings because the disk did not take them; calls heard them."
)

_group, _keeper = "Keeper", True
CHAIN_LENGTH = _gauge("chain_entries", "Entries of the chain of seals that the keeper has followed.")
CATALOGUE_RECORDINGS = _gauge("catalogue_recordings", "Recordings in the catalogue, erased ones excluded.")
LEDGER_DIFFERENCE = _gauge(
    "ledger_difference", "Open findings of the last reconciliation; anything above zero wants a person.", "category"
)
RECONCILED = _gauge("reconciliation_timestamp_seconds", "When the last reconciliation ended, Unix time.")
UPLOADS = _counter("uploads", "Recordings uploaded and verified (done), or attempts that failed.", "result")
UPLOADED_BYTES = _counter("upload_bytes", "Bytes sent to the object store.")
UPLOAD_WAITING = _gauge("uploads_waiting", "Recordings whose upload is not verified yet.")
UPLOAD_WAITING_BYTES = _gauge("uploads_waiting_bytes", "Their size.")
UPLOAD_OLDEST = _gauge("upload_oldest_seconds", "How long the oldest of them has been waiting.")
HOOK_DELIVERIES = _counter("hook_deliveries", "Deliveries of hooks: delivered, failed, dead.", "hook", "result")
HOOK_DEAD = _gauge("hook_dead_letters", "Deliveries that were given up; `skryba hooks` shows and revives them.")
CLOCK_OFFSET = _gauge("clock_offset_seconds", "Offset of the system clock as the kernel's time discipline tells it.")
CLOCK_SYNCHRONISED = _gauge("clock_synchronised", "1 while the kernel says that the clock is synchronised.")
KEEPER_FAULTS = _counter("keeper_faults", "Jobs of the keeper that ended in an error and will be tried again.", "task")

_INTRODUCTION = """\
# Metrics

<!-- Written by `make docs` from src/skryba/metrics/catalogue.py. Do not edit. -->

Served at `/metrics` on `operations.metrics`, by default <http://127.0.0.1:9464/metrics>. The process's own metrics
(`process_*`: CPU, memory, descriptors, start time) come with them. `/healthz` answers 200 or 503 with the reasons as
JSON, `/readyz` 200 while new calls are taken. The group *Keeper* is served by the keeper process, at the same paths on
`operations.keeper_metrics`, by default <http://127.0.0.1:9465/metrics>.

Alerts: [examples/alerts.yaml](../../examples/alerts.yaml).
Dashboard: [examples/grafana.json](../../examples/grafana.json).
"""


def reference() -> str:
    """The whole page, Markdown."""
    parts = [_INTRODUCTION]
    for group in dict.fromkeys(metric.group for metric in CATALOGUE):
        rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
        for metric in CATALOGUE:
            if metric.group == group:
                labels = ", ".join(f"`{label}`" for label in metric.labels)
                rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
        parts.append(f"## {group}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
