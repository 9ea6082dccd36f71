"""What `bl2sm` starts: Ctrl-C ends it without a word while its modules are still being read, for half a second."""

import signal


def main() -> None:
    """Run the command line."""
    given = signal.getsignal(signal.SIGINT)
    if given is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from operations.cli import main as run  # noqa: PLC0415 - after the signal

    run(given)
