"""Surroundings: what every call is given by the agent, and the way back to it.

May not know any one call.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from skryba.b2bua.commands import MediaCommand
from skryba.b2bua.notices import Notice
from skryba.b2bua.routing import Routing
from skryba.b2bua.settings import Settings
from skryba.b2bua.switchboard import Switchboard


@dataclass(slots=True)
class Surroundings:
    """`emit` and `tell` only collect; `at` turns a `now` into the wall clock; `released` forgets an ended call."""

    settings: Settings
    board: Switchboard
    routing: Routing
    token: Callable[[], str]
    session_id: Callable[[], str]  # digits, for o= lines
    emit: Callable[[MediaCommand], None]
    tell: Callable[[Notice], None]
    at: Callable[[float], datetime]
    prompts: Collection[tuple[str, str]]
    released: Callable[[str], None]
    unrecordable: str = ""  # why nothing can be recorded just now; empty when all is well
