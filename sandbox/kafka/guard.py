"""Runs a command and ends it when the parent is gone: its end of our stdin closes, however it died."""

import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command; SIGTERM and the end of stdin end it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch() -> None:
        sys.stdin.buffer.read()
        child.terminate()

    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
