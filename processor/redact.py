"""An error that nobody foresaw, fit for logs and dead letters: its text may hold personal data, its class does not."""

from pathlib import Path

from clients import ApiError, PacerClosed
from processor.deliver.lease import LeaseLost
from processor.deliver.state_machine import TooOld

OURS = (ApiError, PacerClosed, LeaseLost, TooOld)  # their texts are written for logs


class Unexpected(Exception):
    """Names the class of an error and where it was raised, nothing else."""


def nameless(error: BaseException) -> BaseException:
    """Return errors of ours as they are, any other as Unexpected."""
    if isinstance(error, (*OURS, Unexpected)):
        return error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
    return Unexpected(f"{type(error).__name__}{place}")
