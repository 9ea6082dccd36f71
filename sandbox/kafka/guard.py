"""Runs a command and ends it when the parent is gone: its end of our stdin closes, however it died.

Lines on stdin are names of signals, passed on to the command: `SIGSTOP` would otherwise have to stop the guard as well.
"""

import signal
import subprocess
import sys
import threading

END_SECONDS = 20.0


def main(command: list[str]) -> int:
    """Run the command; SIGTERM and the end of stdin end it, also when it was put to sleep."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch() -> None:
        for line in sys.stdin:
            child.send_signal(signal.Signals[line.strip()])
        child.terminate()
        child.send_signal(signal.SIGCONT)
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
