"""The socket of a server, and its address."""

from __future__ import annotations

import socket

from automl.errors import InvalidInputError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Parameters
    ----------
    host : str
    port : int
        0 takes a free port.

    Raises
    ------
    InvalidInputError
        If the address cannot be used, for example because another program uses the port.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # Connections inherit the option. asyncio sets it only for sockets whose protocol is named, and without it an
        # answer in two parts waits some 40 ms for the client's acknowledgment of the first part.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError, UnicodeError) as error:
        message = f"cannot listen on host {host!r} and port {port}: {error}; choose another --host or --port"
        raise InvalidInputError(message) from error


def address_of(listener: socket.socket) -> str:
    """Return the address of a server as a URL."""
    address, port = listener.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
