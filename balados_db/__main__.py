"""`python -m balados_db` and `balados-db`: note what asks for an end while the command is still being imported."""

import signal

EARLY: list[int] = []
ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


def main() -> None:
    """Run the command."""
    for name in ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: EARLY.append(number))
    from balados_db.cli.main import main as run

    run(early=EARLY)


if __name__ == "__main__":
    main()
