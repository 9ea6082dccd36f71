"""Ports that nobody else is given."""

import random
import socket


def quiet_port() -> int:
    """Return a free port that the system gives to nobody by itself: not even to a client that knocks in vain."""
    while True:
        port = random.SystemRandom().randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
