"""What several writers of one SQLite file cost: `python3 docs/adr/measure/sqlite_writers.py`. Needs nothing but Python.

Each transaction reads a row and writes it back, as a compare-and-set does. Figures depend on the machine and its disk; which
way loses transactions does not.
"""

import os
import sqlite3
import tempfile
import threading
import time

THREADS, EACH = 8, 80


def connect(path):
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def transaction(connection, begin):
    connection.execute(begin)
    try:
        (value,) = connection.execute("SELECT value FROM counter").fetchone()
        time.sleep(0.0005)  # the use case
        connection.execute("UPDATE counter SET value = ?", (value + 1,))
        connection.execute("COMMIT")
    except sqlite3.OperationalError:
        connection.execute("ROLLBACK")
        raise


def run(name, begin, one_writer):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.db")
        first = connect(path)
        first.execute("CREATE TABLE counter (value INTEGER)")
        first.execute("INSERT INTO counter VALUES (0)")
        lock, failed = threading.Lock(), []

        def work():
            connection = first if one_writer else connect(path)
            for _ in range(EACH):
                try:
                    if one_writer:
                        with lock:
                            transaction(connection, begin)
                    else:
                        transaction(connection, begin)
                except sqlite3.OperationalError:
                    failed.append(1)

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - started
        total = THREADS * EACH
        done = total - len(failed)
        print(f"{name:38} {done:4} of {total} done, {len(failed):4} refused, {done / took:6.0f} a second")


run("8 connections, BEGIN", "BEGIN", False)
run("8 connections, BEGIN IMMEDIATE", "BEGIN IMMEDIATE", False)
run("1 connection, BEGIN IMMEDIATE", "BEGIN IMMEDIATE", True)
