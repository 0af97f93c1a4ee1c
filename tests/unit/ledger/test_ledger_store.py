"""The file: made for its owner only, brought up to date, and refused with a way back where it cannot be trusted."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.unit.ledger.world import World, row

from freehold.errors import FreeholdError
from freehold.ledger.key_records import select
from freehold.ledger.place import mark
from freehold.ledger.schema import MIGRATIONS
from freehold.ledger.store import Store, begin_anew, get_meta, set_meta
from freehold.ledger.usage import insert


def refused(path: Path, code: str, migrations: tuple[str, ...] = MIGRATIONS) -> FreeholdError:
    with pytest.raises(FreeholdError) as caught:
        Store.open(path, migrations=migrations)
    assert caught.value.code == code
    assert caught.value.fix
    return caught.value


def test_files_and_folder_are_the_owners_alone(store: Store) -> None:
    with store.transaction() as connection:
        set_meta(connection, "x", 1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in store.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 4
    assert store.path.parent.stat().st_mode & 0o777 == 0o700


def test_commits_are_on_the_disk_and_readers_do_not_wait(store: Store) -> None:
    with store.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_lax_rights_are_tightened_and_an_open_folder_is_refused(path: Path) -> None:
    Store.open(path).close()
    path.chmod(0o644)
    Store.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    path.parent.chmod(0o770)
    refused(path, "LEDGER_FOLDER_OPEN")


def test_an_older_schema_is_brought_up_and_keeps_its_rows(path: Path) -> None:
    with Store.open(path) as store, store.transaction() as connection:
        insert(connection, [row("one", prompt=3)])
    newer = (*MIGRATIONS, "CREATE TABLE more (id INTEGER) STRICT;\nINSERT INTO more SELECT prompt FROM usage;")
    with Store.open(path, migrations=newer) as store, store.reading() as connection:
        assert connection.execute("SELECT id FROM more").fetchall() == [(3,)]
    assert f"schema {len(newer)}" in refused(path, "LEDGER_TOO_NEW").found


OLD_KEY = """
INSERT INTO keys (id, name, sha256, origin, created_ms, version) VALUES ('k_1', 'agent', 'aa', 'made', 1, 5);
INSERT INTO meta VALUES ('keys_source', 'theirs'), ('keys_followed', 5), ('keys_version', 5);
"""
BEFORE_STATUS = 3


def test_a_ledger_from_before_the_status_page_lets_nobody_see_it_and_asks_for_the_whole_table_again(path: Path) -> None:
    """An authority that was updated first may have told of the permission, and this one could not put it down."""
    Store.open(path, migrations=MIGRATIONS[:BEFORE_STATUS]).close()
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD_KEY)
    with Store.open(path) as store, store.reading() as connection:
        (key,) = select(connection, "1")
        assert (key.name, key.limits.status) == ("agent", False)
        assert [get_meta(connection, f"keys_{name}") for name in ("source", "followed", "version")] == ["theirs", 0, 5]


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    Store.open(path).close()
    with pytest.raises(FreeholdError):
        Store.open(path, migrations=(*MIGRATIONS, "CREATE TABLE more (id INTEGER);\nINSERT INTO nowhere VALUES (1);"))
    with Store.open(path) as store, store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").fetchone() == (0,)


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    before = path.read_bytes()
    refused(path, "LEDGER_FOREIGN")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_damaged_file_is_refused(path: Path, content: bytes) -> None:
    Store.open(path).close()
    path.write_bytes(content)
    error = refused(path, "LEDGER_DAMAGED" if content else "LEDGER_LOST")
    assert "begin_anew" in error.fix


def test_pages_that_rot_are_found_by_the_check(path: Path) -> None:
    with Store.open(path) as store:
        with store.transaction() as connection:
            insert(connection, [row(f"request-{number}", prompt=1) for number in range(2000)])
        assert store.check() == []
    rotten = bytearray(path.read_bytes())
    rotten[len(rotten) // 2 : len(rotten) // 2 + 3000] = b"\xa5" * 3000
    path.write_bytes(rotten)
    with Store.open(path) as store:
        assert store.check()


def test_a_ledger_that_vanished_is_not_begun_again_in_silence(path: Path) -> None:
    Store.open(path).close()
    path.unlink()
    refused(path, "LEDGER_LOST")
    assert not path.exists()


def test_beginning_anew_keeps_the_old_file_and_lets_nothing_out(path: Path) -> None:
    Store.open(path).close()
    path.write_bytes(b"rubbish" * 1000)
    with begin_anew(path, closed_until_ms=77, why="damaged", suffix="damaged-1") as store:
        assert store.meta("frontier_closed_until_ms") == 77
    assert path.with_name(f"{path.name}.damaged-1").read_bytes().startswith(b"rubbish")
    assert mark(path).exists()


def test_a_file_that_is_replaced_under_an_open_ledger_takes_no_more_writes(store: Store, tmp_path: Path) -> None:
    """Rows written to a file without a name would be lost with the process, and with them what was spent."""
    shutil.move(store.path, tmp_path / "elsewhere")
    with pytest.raises(FreeholdError, match="LEDGER_REPLACED"), store.transaction():
        pass


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            set_meta(connection, "x", 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.meta("x") is None


def test_a_full_disk_is_an_error_with_a_way_back_and_heals(store: Store) -> None:
    with store.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    rows = [row(f"request-{number}") for number in range(500)]
    with pytest.raises(FreeholdError, match="LEDGER_UNWRITABLE") as caught, store.transaction() as connection:
        insert(connection, rows)
    assert "df" in caught.value.fix
    with store.transaction() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
        assert insert(connection, rows) == 0


def test_who_waits_too_long_hears_that_another_process_writes(path: Path, store: Store) -> None:
    with Store.open(path, busy_ms=1) as other, store.transaction():
        with pytest.raises(FreeholdError, match="LEDGER_BUSY"), other.transaction():
            pass
        assert other.meta("ledger_id") == store.id  # reading never waits


def test_a_change_of_another_process_is_noticed(path: Path, store: Store) -> None:
    assert not store.changed()
    with Store.open(path) as other, other.transaction() as connection:
        set_meta(connection, "x", 1)
    assert store.changed()
    assert not store.changed()


def test_many_may_begin_it_at_once(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store.open(path), range(8)))
    assert len({store.id for store in stores}) == 1
    for store in stores:
        store.close()


def test_threads_share_a_store(store: Store) -> None:
    def add(_: int) -> None:
        with store.transaction() as connection:
            set_meta(connection, "sum", int(get_meta(connection, "sum", 0)) + 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(100)))
    assert store.meta("sum") == 100


def test_a_mark_without_a_fault_is_written_again(path: Path) -> None:
    with Store.open(path) as store:
        mark(path).unlink()
        Store.open(path).close()
        assert mark(path).read_text(encoding="ascii").strip() == store.id


def test_a_copy_is_whole_private_and_never_written_over_another(store: Store, tmp_path: Path) -> None:
    with store.transaction() as connection:
        insert(connection, [row("one", prompt=3)])
    copy = tmp_path / "copies" / "ledger.sqlite3"
    copy.parent.mkdir(mode=0o700)
    store.copy_to(copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FreeholdError, match="FileExistsError"):
        store.copy_to(copy)
    with Store.open(copy) as again:
        assert again.id == store.id
        assert again.check() == []


def test_a_ledger_that_root_begins_is_the_folders_owners(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    path.parent.mkdir(mode=0o700)
    real = Path.stat

    def stat(self: Path, **options: bool) -> os.stat_result:
        found = real(self, **options)
        return os.stat_result((*found[:4], 4321, 4321, *found[6:])) if self == path.parent else found

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda name, user, group: given.append(f"{Path(name).name} {user} {group}"))
    Store.open(path).close()
    assert given == ["ledger.sqlite3 4321 4321", "ledger.sqlite3.mark 4321 4321"]


def test_audit_of_a_fresh_world_is_clean(world: World) -> None:
    assert world.store.check() == []


def test_another_process_leaves_the_log_to_two_stores_of_this_one(tmp_path: Path) -> None:
    """As in the gateway: one store reads, another one writes, and a command comes and goes beside them."""
    path = tmp_path / "books" / "ledger.sqlite3"
    program = "import sys; from pathlib import Path; from freehold.ledger.store import Store, set_meta\n"
    program += "with Store.open(Path(sys.argv[1])) as store, store.transaction() as connection:\n"
    program += "    set_meta(connection, 'said', sys.argv[2])\n"
    with Store.open(path) as first, Store.open(path) as second:
        assert first.changed() is False
        for word in ("one", "two"):
            subprocess.run([sys.executable, "-c", program, str(path), word], check=True)
            assert Path(f"{path}-wal").exists(), "the log went from under two open connections"
            assert first.changed()
            assert (first.meta("said"), second.meta("said")) == (word, word)
