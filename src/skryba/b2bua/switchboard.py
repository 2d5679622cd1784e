"""Switchboard: whose transaction, dialog or alarm is this? And `Line`: all that one call or trunk holds there.

May not know what calls and trunks do with what they are handed. Closing a line leaves nothing of its owner behind.
"""

from typing import Protocol

from skryba.b2bua.alarms import Alarms
from skryba.b2bua.settings import Settings
from skryba.sip.events import ClientKey, Flow, ServerKey
from skryba.sip.message import Request, Response
from skryba.sip.stack import Stack


class Owner(Protocol):
    """What a call or trunk is handed."""

    def receive_response(self, key: ClientKey, response: Response, flow: Flow, now: float) -> None: ...
    def transaction_failed(self, key: ClientKey, kind: str, now: float) -> None: ...
    def alarm(self, name: str, now: float) -> None: ...


class DialogOwner(Owner, Protocol):
    """What a call is handed in addition. `tag` is our local tag of the dialog."""

    def receive_request(self, tag: str, request: Request, key: ServerKey, flow: Flow, now: float) -> None: ...
    def receive_ack(self, tag: str, request: Request, flow: Flow, now: float) -> None: ...
    def receive_cancel(self, key: ServerKey, request: Request, now: float) -> None: ...


class Switchboard:
    """The tables. One per agent."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self.stack = stack
        self.settings = settings
        self.alarms: Alarms[Line] = Alarms()
        self.clients: dict[ClientKey, Line] = {}
        self.servers: dict[ServerKey, DialogOwner] = {}
        self.dialogs: dict[tuple[str, str], DialogOwner] = {}  # (Call-ID, local tag)

    def line(self, owner: Owner) -> "Line":
        """A line for this owner."""
        return Line(self, owner)


class Line:
    """One owner's share of the switchboard."""

    __slots__ = ("_alarms", "_board", "_clients", "_dialogs", "_servers", "owner")

    def __init__(self, board: Switchboard, owner: Owner) -> None:
        self._board = board
        self.owner = owner
        self._clients: set[ClientKey] = set()
        self._servers: set[ServerKey] = set()
        self._dialogs: set[tuple[str, str]] = set()
        self._alarms: dict[str, int] = {}

    @property
    def settings(self) -> Settings:
        return self._board.settings

    # transactions

    def request(self, request: Request, flow: Flow, now: float) -> ClientKey:
        """Send in a new client transaction; its responses come to the owner."""
        key = self._board.stack.request(request, flow, now, via_host=self.settings.advertised(flow))
        self._board.clients[key] = self
        self._clients.add(key)
        return key

    def acknowledge(self, ack: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx (no transaction)."""
        self._board.stack.acknowledge(ack, flow, via_host=self.settings.advertised(flow))

    def cancel(self, key: ClientKey, now: float) -> None:
        """CANCEL that INVITE (RFC 3261 §9.1)."""
        self._board.stack.cancel(key, now)

    def forget(self, key: ClientKey) -> None:
        """Its final response has been dealt with."""
        self._clients.discard(key)
        self._board.clients.pop(key, None)

    def expect_cancel(self, key: ServerKey, owner: DialogOwner) -> None:
        """A CANCEL of this server transaction is the owner's."""
        self._board.servers[key] = owner
        self._servers.add(key)

    def respond(self, key: ServerKey, response: Response, now: float) -> None:
        """Answer; a final answer ends the wait for a CANCEL."""
        self._board.stack.respond(key, response, now)
        if response.status >= 200 and key in self._servers:
            self._servers.discard(key)
            self._board.servers.pop(key, None)

    # dialogs

    def hold_dialog(self, call_id: str, local_tag: str, owner: DialogOwner) -> None:
        """Requests within this dialog are the owner's."""
        self._board.dialogs[call_id, local_tag] = owner
        self._dialogs.add((call_id, local_tag))

    def drop_dialog(self, call_id: str, local_tag: str) -> None:
        """Requests within it are answered 481 from now on."""
        self._dialogs.discard((call_id, local_tag))
        self._board.dialogs.pop((call_id, local_tag), None)

    # alarms

    def set_alarm(self, name: str, when: float) -> None:
        """Wake the owner; setting a name again moves it."""
        self.clear_alarm(name)
        self._alarms[name] = self._board.alarms.set(self, name, when)

    def clear_alarm(self, name: str) -> None:
        """Unknown names are ignored."""
        if (ticket := self._alarms.pop(name, None)) is not None:
            self._board.alarms.cancel(ticket)

    def alarm(self, name: str, now: float) -> None:
        """An alarm of this line rings: the owner is told."""
        self._alarms.pop(name, None)
        self.owner.alarm(name, now)

    def close(self) -> None:
        """Leave nothing behind."""
        for ticket in self._alarms.values():
            self._board.alarms.cancel(ticket)
        for key in self._clients:
            self._board.clients.pop(key, None)
        for server in self._servers:
            self._board.servers.pop(server, None)
        for dialog in self._dialogs:
            self._board.dialogs.pop(dialog, None)
        self._alarms.clear()
        self._clients.clear()
        self._servers.clear()
        self._dialogs.clear()
