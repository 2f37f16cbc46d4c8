-- Times are seconds since 1970 (UTC), unless their name says otherwise.

CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    quota_per_day INTEGER,
    quota_per_month INTEGER,
    rate_per_minute INTEGER,
    rate_burst INTEGER,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    -- Older keys first.
    place INTEGER NOT NULL,
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    PRIMARY KEY (app_id, place)
) STRICT, WITHOUT ROWID;

-- Without a reference to apps: the usage of a deleted app stays on record.
CREATE TABLE usage (
    app_id TEXT NOT NULL,
    -- 2026-11-23
    day TEXT NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (app_id, day)
) STRICT, WITHOUT ROWID;

-- Requests for which quota is held.
CREATE TABLE holds (
    app_id TEXT NOT NULL,
    id BLOB NOT NULL,
    lease_ends_at INTEGER NOT NULL,
    PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_by_lease ON holds (lease_ends_at);

CREATE TABLE buckets (
    app_id TEXT PRIMARY KEY,
    -- Microseconds since 1970.
    full_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last settlement of each process, and its time. A settlement that is posted twice is made
-- once.
CREATE TABLE outboxes (
    process BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL,
    settled_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Grows whenever an app changes.
CREATE TABLE version (number INTEGER NOT NULL) STRICT;
INSERT INTO version VALUES (0);
