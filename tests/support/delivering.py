"""A deliverer as a process of its own, to be killed: `python -m tests.support.delivering DATABASE URL SECRET`."""

import asyncio
import random
import sys

from skryba import clock
from skryba.archive.database import connect
from skryba.archive.deliverer import Deliverer
from skryba.archive.delivery_book import Deliveries
from skryba.archive.hooks import Hook


def main(database: str, url: str, secret: str) -> None:
    """Until killed."""
    engine = connect(database)
    deliverer = Deliverer(
        [Hook("crm", url, secret)], Deliveries(engine), now_at=clock.at, dice=random.random, poll=0.05
    )
    asyncio.run(deliverer.run())


if __name__ == "__main__":
    main(*sys.argv[1:])
