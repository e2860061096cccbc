"""Prove every supported PostgreSQL by one command: `python -m tests.torture.matrix [MAJOR…]`, which is `make torture`.

Each major gets a server of its own, on 127.0.0.1 and under another account where we are root, and `pytest --thorough` runs
against it; two at a time. What the tests report comes together in one table. Exit status 1 if a test failed, a promise
about the whole does not hold, or a version could not be run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

from balados_db.embedded import EmbeddedServer
from balados_db.errors import BaladosDbError
from tests.conftest import ROOT, SETTINGS
from tests.torture.majors import PINS, Unobtainable, binaries
from tests.torture.outcomes import FILE, Outcome
from tests.torture.table import Proof, complaints, lines

AT_ONCE = 2
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    words = _words()
    matrix = Matrix(tests=words.tests, workers=words.workers)
    for number in INTERRUPTIONS:
        signal.signal(number, _interrupted)
    try:
        proofs = matrix.prove_all(words.majors or list(PINS))
    finally:
        shutil.rmtree(matrix.home, ignore_errors=True)
    print("", *lines(proofs), sep="\n")
    return int(any(complaints(proof) for proof in proofs))


def _interrupted(number: int, frame: object) -> NoReturn:
    # A second one would delete the homes under servers that are still to be stopped.
    for other in INTERRUPTIONS:
        signal.signal(other, lambda *_: None)
    raise KeyboardInterrupt


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.matrix", description="prove PostgreSQL's versions")
    parser.add_argument("majors", nargs="*", type=int, metavar="MAJOR", help=f"default: {' '.join(map(str, PINS))}")
    parser.add_argument("--tests", default="tests/torture", help="a folder or file of tests (default: %(default)s)")
    parser.add_argument(
        "--workers", default="1", help="files of tests at once against one server (default: %(default)s)"
    )
    return parser.parse_args()


class Matrix:
    """Runs the same tests against several versions."""

    def __init__(self, *, tests: str, workers: str) -> None:
        self._tests, self._workers = tests, workers
        self.home = Path(tempfile.mkdtemp(prefix="balados-db-matrix-"))
        self._children: list[subprocess.Popen[str]] = []

    def prove_all(self, majors: list[int]) -> list[Proof]:
        """Two versions at a time. One that is interrupted ends its tests and discards its servers."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = [pool.submit(self.prove, major) for major in majors]
            try:
                return [proof.result() for proof in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in self._children:
                    child.send_signal(signal.SIGINT)
                raise

    def prove(self, major: int) -> Proof:
        """Get the server of a major, run the tests, read what they report."""
        version = PINS[major].version.partition("-")[0] if major in PINS else str(major)
        try:
            home = self.home / version / "server"
            server = EmbeddedServer(home, binaries=binaries(major), durable=False, settings=SETTINGS)
            return self._prove(version, server)
        except (Unobtainable, BaladosDbError) as exc:
            return Proof(version, problem=str(exc))

    def _prove(self, version: str, server: EmbeddedServer) -> Proof:
        begun, file = time.monotonic(), self.home / f"{version}.jsonl"
        try:
            # By the environment: everybody can read the arguments of a process, and the URL holds a password.
            environment = {**os.environ, "BALADOS_DB_TEST_DSN": server.start(), FILE: str(file)}
            status = self._follow(version, environment)
        finally:
            server.discard()
        return Proof(version, _read(file), status, time.monotonic() - begun)

    def _follow(self, version: str, environment: dict[str, str]) -> int:
        """Run pytest, and repeat what it says with the version before each line."""
        command = [sys.executable, "-m", "pytest", self._tests, "--thorough", "-q", "-p", "no:cacheprovider"]
        command += ["-n", self._workers, "--dist", "loadfile"] if self._workers != "1" else []
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C reaches it through us, once
        )
        self._children.append(child)
        with child:
            for line in child.stdout or ():
                print(f"{version:6}| {line}", end="", flush=True)
        return child.returncode


def _read(file: Path) -> list[Outcome]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    sys.exit(main())
