"""The JSON documents of the API and the live stream: one type each, encoded with msgspec.

Times are Unix seconds (float) in samples and events, and RFC 3339 text nowhere: clients format them.
"""

STREAM_POSITION = "Herdsman-Stream-Position"
"""Header of each GET that a page shows live: the stream's position *before* the document was read.

A page that opens `/api/v1/stream?topics=...&last_event_id=<that position>` misses nothing that happened in
between; what it sees twice is a whole row (replaces itself) or carries an id (events) or a time (samples).
"""
