"""The web server: one process, asynchronous, on one socket."""

import socket
from typing import Final

import uvicorn

from healthnotify.adapters.telemetry import Log
from healthnotify.bootstrap import Serving
from healthnotify.domain.errors import Misconfigured

#: Seconds in which requests may end after SIGTERM; a page that is followed live never would.
FAREWELL: Final = 5
BACKLOG: Final = 1024


def serve(application: str, serving: Serving) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises `Misconfigured` when the address cannot be had.

    The socket is bound here, because uvicorn would tell of a taken port in words of its own.
    """
    listening = _bind(serving)
    Log("web").note("started", port=serving.port)
    config = uvicorn.Config(
        application,
        host=serving.host,
        port=serving.port,
        log_config=None,  # ours is set up already
        access_log=False,  # a line a request is what the metrics are for; addresses in paths are nobody's business
        lifespan="on",  # the watch begins and ends with it
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=serving.trusted_proxies,
        timeout_graceful_shutdown=FAREWELL,
        backlog=BACKLOG,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _bind(serving: Serving) -> socket.socket:
    try:
        family = socket.getaddrinfo(serving.host, serving.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((serving.host, serving.port))
    except OSError as problem:
        where = f"{serving.host}:{serving.port} cannot be listened on ({(problem.strerror or str(problem)).lower()})"
        raise Misconfigured("WEB_PORT", where, "Give another port, or end what listens there") from None
    listening.listen(BACKLOG)  # at once: a second server is refused here and not in the middle of its start
    return listening
