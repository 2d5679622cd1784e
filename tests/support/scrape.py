"""A metrics page with every family filled, for those who read it."""

from collections import Counter

from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.notices import (
    CallAnswered,
    CallBridged,
    CallEnded,
    CallRinging,
    CallStarted,
    NoticePlayed,
    RegistrationChanged,
    RequestRefused,
)
from skryba.b2bua.snapshot import ContactSnapshot, TrunkSnapshot
from skryba.metrics.catalogue import CATALOGUE, Kind
from skryba.metrics.collector import Collector
from skryba.metrics.keeping import KeeperCounts
from skryba.metrics.observer import MetricsObserver
from skryba.metrics.snapshot import MediaCounts, Snapshot, Volume
from skryba.sip.counters import Counters
from skryba.terms import Result, Side, SocketAddress, Termination
from tests.support.calls import call

DISK = {"stalled_s": 0.0, "dropped": 3, "disk": {"days_left": 12.5}}
SOURCE = SocketAddress("192.0.2.9", 5060)


def busy_observer() -> MetricsObserver:
    """Has heard of one call, one registration, one refusal, one recording."""
    observer = MetricsObserver()
    for notice in (CallStarted(call()), CallRinging(call()), CallAnswered(call()), CallBridged(call())):
        observer.receive(notice)
    observer.receive(CallEnded(call(), Termination(Result.COMPLETED, "BYE", Side.CALLER, 200)))
    observer.receive(RegistrationChanged("101", (ContactSnapshot("sip:101@x", "udp", SOURCE, 1.0, "phone"),)))
    observer.receive(RegistrationChanged("102", ()))
    observer.receive(RequestRefused("REGISTER", 403, "wrong password", SOURCE))
    observer.receive(NoticePlayed("c", Side.CALLER, PromptEvidence("standard", "1", "pl", "00", 0, 1, completed=True)))
    observer.recorder_message({"op": "sealed", "slot": 1, "state": "ok", "duration_ms": 3500, "alarms": ["one-way"]})
    observer.recorder_message({"op": "stats", "recordings": 2, "sealing": 1, "orphans": 1, "spool_age_s": 1.5, **DISK})
    observer.stream_ended(received=100, lost=0, jitter=0.0015)
    observer.loop_lag(0.0004)
    return observer


def busy_snapshot() -> Snapshot:
    return Snapshot(
        calls=(call(), call(), call(recorded_now=False, trunk=None)),
        calls_limit=1000,
        trunks=(TrunkSnapshot("carrier", True, True, ""), TrunkSnapshot("pbx", False, None, "no answer")),
        sip=Counters(
            requests_received=Counter({"INVITE": 5, "REGISTER": 7, "MADE-UP": 1, "ODD": 1}),
            requests_sent=Counter({"INVITE": 5}),
            responses_received=Counter({180: 4, 183: 1, 200: 5}),
            responses_sent=Counter({200: 11, 486: 2}),
            retransmissions_received=3,
            retransmissions_sent=2,
            malformed=1,
            timeouts=4,
            invite_clients=1,
            other_servers=6,
        ),
        media=MediaCounts(
            packets_received=1000,
            bytes_received=172_000,
            packets_sent=990,
            bytes_sent=170_280,
            lost=10,
            late=3,
            foreign=2,
            send_errors=1,
            ring_overflow=8,
            ports_in_use=12,
            ports_limit=10_000,
        ),
        recorder_up=True,
        recorder_ready=True,
        volumes=(Volume("recordings", 600, 1000),),
        ledger_dropped=5,
        draining=True,
    )


def busy_collector() -> Collector:
    return Collector(busy_observer(), busy_snapshot)


def busy_keeper() -> KeeperCounts:
    """Every family of the keeper with one sample."""
    counts = KeeperCounts()
    for metric in CATALOGUE:
        if metric.keeper and metric.kind is Kind.COUNTER:
            counts.count(metric, *metric.labels)
        elif metric.keeper:
            counts.show(metric, 1.0, *metric.labels)
    return counts
