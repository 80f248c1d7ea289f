"""The tables of the embedded stores.

Times of samples are whole milliseconds, times of events Unix seconds. A rollup's row covers the step that
ends at `time` (its start excluded), so that steps of any multiple are made of whole rows.
"""

SCHEMA_VERSION = 1

ROLLUPS = {"rollup_10s": 10_000, "rollup_1m": 60_000}
"""Table -> length of its step in milliseconds; each is made from the raw samples."""

_ROLLUP = """
CREATE TABLE {table} (
    series INTEGER NOT NULL,
    time INTEGER NOT NULL,
    last REAL NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    total REAL NOT NULL,
    samples INTEGER NOT NULL,
    PRIMARY KEY (series, time)
) WITHOUT ROWID;
"""

TABLES = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    bot TEXT NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    UNIQUE (bot, name, labels)
);
CREATE TABLE raw (
    series INTEGER NOT NULL,
    time INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (series, time)
) WITHOUT ROWID;
CREATE TABLE latest (
    series INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    value REAL NOT NULL
);
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE events (
    n INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    position INTEGER NOT NULL,
    size INTEGER NOT NULL,
    bot TEXT NOT NULL,
    time REAL NOT NULL,
    kind TEXT NOT NULL,
    level INTEGER NOT NULL,
    message TEXT NOT NULL,
    context INTEGER NOT NULL,
    data BLOB
);
CREATE UNIQUE INDEX events_identity ON events (source, position);
CREATE INDEX events_of_bot ON events (bot, time);
CREATE INDEX events_by_time ON events (time);
CREATE INDEX events_of_kind ON events (bot, kind, time) WHERE kind <> 'log';
CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    allocation TEXT NOT NULL,
    run TEXT NOT NULL,
    revision TEXT NOT NULL,
    mode TEXT NOT NULL,
    UNIQUE (stream, allocation, run, revision, mode)
);
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
CREATE VIRTUAL TABLE events_text USING fts5 (
    message, content='events', content_rowid='n', tokenize="unicode61 tokenchars '_'"
);
""" + "".join(_ROLLUP.format(table=table) for table in ROLLUPS)
