"""The tables of the embedded stores.

Times of samples are whole milliseconds, times of events Unix seconds. A rollup's row covers the step that
ends at `time` (its start excluded), so that steps of any multiple are made of whole rows.

A row of `event_labels` is one combination of what events are found and counted by; its level is in its id
(id % 8), so that an index of labels alone is enough to count by it. `event_hours` counts the events of each
label by the hour. The text of events is indexed in parts of as many events each: a search looks through one
after the other, and what is old is dropped as a whole; `text_slices` has the times of the events that were
indexed at once, up to the event `last`.
"""

SCHEMA_VERSION = 2

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

_INDEXES = """
CREATE INDEX events_by_time ON events (time, label);
CREATE INDEX events_by_label ON events (label, time);
"""
_LABELS = """
CREATE TABLE event_labels (
    id INTEGER PRIMARY KEY,
    bot TEXT NOT NULL,
    program TEXT NOT NULL,
    kind TEXT NOT NULL,
    symbol TEXT NOT NULL,
    revision TEXT NOT NULL,
    stream TEXT NOT NULL,
    level INTEGER NOT NULL,
    UNIQUE (bot, program, kind, symbol, revision, stream, level)
);
CREATE TABLE event_hours (
    hour INTEGER NOT NULL,
    label INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, label)
) WITHOUT ROWID;
CREATE TABLE text_parts (
    part INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL
);
CREATE TABLE text_slices (
    last INTEGER PRIMARY KEY,
    part INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL
);
"""
_EVENTS = """
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
    data BLOB,
    label INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {identity} ON events (source, position);
"""
_ONE_PART = """
ALTER TABLE events_text RENAME TO events_text_0;
INSERT INTO text_parts SELECT 0, 0, value, low, high FROM marks,
    (SELECT (SELECT min(time) FROM events) AS low, (SELECT max(time) FROM events) AS high)
    WHERE name = 'indexed' AND low IS NOT NULL;
INSERT INTO text_slices SELECT last, part, low, high FROM text_parts;
INSERT OR REPLACE INTO marks SELECT 'counted', value FROM marks WHERE name = 'indexed';
"""
_NO_PART = "DELETE FROM marks WHERE name = 'indexed';"
_NEW_EVENTS = f"""
DROP INDEX IF EXISTS events_by_time;
DROP INDEX IF EXISTS events_of_kind;
ALTER TABLE events RENAME TO events_1;
{_EVENTS.format(identity="events_by_place")}
{_INDEXES}
"""
FROM_1 = _LABELS + _ONE_PART + _NEW_EVENTS
"""What makes a file of version 1 one of version 2, at once: its events are moved behind, see moving.py."""
FROM_1_WITHOUT_TEXT = _LABELS + _NO_PART + _NEW_EVENTS
"""The same where the index of texts is damaged, and was dropped."""

TABLES = (
    """
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
"""
    + _EVENTS.format(identity="events_identity")
    + _INDEXES
    + _LABELS
    + """
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
"""
    + "".join(_ROLLUP.format(table=table) for table in ROLLUPS)
)
