"""Is the proxy that runs with this configuration well? It is asked over HTTP, as a watchdog would.

Knows the proxy from outside only.
"""

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

from skryba.terms import SocketAddress

_PATIENCE = 5.0  # seconds


def ask(address: SocketAddress) -> dict[str, Any]:
    """The report of /healthz. Silence is a report, too: not healthy, with the reason."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    connection = HTTPConnection(host, address.port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/healthz")
        report = json.loads(connection.getresponse().read())
        return {**report, "healthy": bool(report["healthy"]), "problems": list(report["problems"])}
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        return {"healthy": False, "problems": [f"no answer from {address}: {error or type(error).__name__}"]}
    finally:
        connection.close()
