from contextlib import closing
from functools import partial
from sqlite3 import DatabaseError, connect

from huey.api import Huey, SqliteStorage, logger

BROKEN = ("CORRUPT", "NOTADB", "SHORT_READ")  # how SQLite's names for such errors end


class LastingStorage(SqliteStorage):
    opened = None  # the file's number in the file system

    @property
    def conn(self):
        if self.opened != (self.filename.exists() and self.filename.stat().st_ino):
            with closing(connect(self.filename.with_suffix(".lock"))) as lock:
                lock.execute("BEGIN EXCLUSIVE")  # or two processes would each begin a new file
                if not self.filename.exists():  # it was deleted
                    self.filename.with_suffix(".sqlite3-shm").unlink(missing_ok=True)
                if self._conn:
                    self._conn.close()
                self._conn = self._create_connection()
                self._conn.executescript(";".join(self.ddl))
                self.opened = self.filename.stat().st_ino
            logger.warning("Opened the queue in %s", self.filename)
        return super().conn

    def sql(self, *args, **options):
        try:
            return super().sql(*args, **options)
        except DatabaseError as error:
            if not getattr(error, "sqlite_errorname", "").endswith(BROKEN):
                raise
            self.filename.replace(self.filename.with_suffix(".damaged"))
            return super().sql(*args, **options)


LastingHuey = partial(Huey, storage_class=LastingStorage, create_tables=False)
