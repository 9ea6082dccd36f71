"""`python -m processor`: a member of the group until stopped, or caught up."""

from collections.abc import Sequence

from processor.supervisor import Supervisor
from processor.wiring import Observability
from runtime.program import Program, run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Run one processor; return the exit code."""
    return run_program("processor", "Carries journal entries to SALESmanago.", "assignment", _run, argv)


def _run(program: Program) -> bool:
    seen = Observability(program.health, program.metrics)
    return Supervisor(program.settings, not program.until_caught_up, program.stop, seen).run()
