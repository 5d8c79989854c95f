from functools import partial
from sqlite3 import DatabaseError

from huey.api import Huey, SqliteStorage, logger


class LastingStorage(SqliteStorage):
    opened = None  # the file's number in the file system

    @property
    def conn(self):
        if not self.filename.exists():  # it was deleted
            self.filename.with_suffix(".sqlite3-shm").unlink(missing_ok=True)
            self.filename.touch()
        if self.opened != (number := self.filename.stat().st_ino):  # or somebody has made a new one
            if self._conn:
                self._conn.close()
            self._conn = self._create_connection()
            self._conn.executescript(";".join(self.ddl))
            self.opened = number
            logger.warning("Opened the queue in %s", self.filename)
        return super().conn

    def sql(self, *args, **options):
        try:
            return super().sql(*args, **options)
        except DatabaseError as error:
            if not error.sqlite_errorname.endswith(("CORRUPT", "NOTADB", "SHORT_READ")):
                raise
            self.filename.replace(self.filename.with_suffix(".damaged"))
            return super().sql(*args, **options)


LastingHuey = partial(Huey, storage_class=LastingStorage, create_tables=False)
