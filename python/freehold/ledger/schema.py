"""What is in the file. A list of migrations: what was released is never edited, new ones are appended.

Tables are STRICT (SQLite 3.37; Debian 12 and Ubuntu 22.04 have it): a sum that would overflow into a floating-point
number is refused by the file itself.
"""

from __future__ import annotations

APPLICATION_ID = 0x46484C31
"""``FHL1``: tells this file from any other SQLite database."""

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ms INTEGER NOT NULL, boot TEXT NOT NULL, boot_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    origin TEXT NOT NULL CHECK (origin IN ('declared', 'made')),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    revoked_why TEXT NOT NULL DEFAULT '',
    rotated_from TEXT NOT NULL DEFAULT '',
    rotated_until_ms INTEGER NOT NULL DEFAULT 0,
    models TEXT,
    requests_per_minute INTEGER,
    tokens_per_day INTEGER,
    concurrent INTEGER,
    frontier INTEGER NOT NULL DEFAULT 0,
    frontier_tokens_per_day INTEGER,
    frontier_nano_usd_per_month INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX keys_living_names ON keys (name) WHERE revoked_ms IS NULL;
CREATE INDEX keys_versions ON keys (version);

CREATE TABLE usage (
    request_id TEXT NOT NULL UNIQUE,
    at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    path TEXT NOT NULL,
    asked TEXT NOT NULL,
    served TEXT NOT NULL,
    replica TEXT NOT NULL,
    route TEXT NOT NULL CHECK (route IN ('local', 'peer', 'frontier', '')),
    status INTEGER NOT NULL,
    reason TEXT NOT NULL,
    cut TEXT NOT NULL,
    prompt INTEGER NOT NULL CHECK (prompt BETWEEN 0 AND 10000000000),
    cached INTEGER NOT NULL CHECK (cached BETWEEN 0 AND prompt),
    completion INTEGER NOT NULL CHECK (completion BETWEEN 0 AND 10000000000),
    duration_ms INTEGER NOT NULL,
    first_token_ms INTEGER,
    nano_usd INTEGER NOT NULL CHECK (nano_usd BETWEEN 0 AND 1000000000000000)
) STRICT;
CREATE TABLE totals (
    day INTEGER NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL, route TEXT NOT NULL,
    key_name TEXT NOT NULL,
    requests INTEGER NOT NULL, prompt INTEGER NOT NULL, cached INTEGER NOT NULL, completion INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL,
    PRIMARY KEY (day, key_id, model, route)
) STRICT, WITHOUT ROWID;
CREATE TABLE local_hours (
    hour INTEGER NOT NULL, node TEXT NOT NULL, tokens INTEGER NOT NULL CHECK (tokens >= 0),
    PRIMARY KEY (hour, node)
) STRICT, WITHOUT ROWID;
CREATE TABLE losses (
    at_ms INTEGER NOT NULL, rows INTEGER NOT NULL, prompt INTEGER NOT NULL, completion INTEGER NOT NULL
) STRICT;

CREATE TABLE frontier_totals (
    kind TEXT NOT NULL CHECK (kind IN ('hour', 'day', 'month')),
    period INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    tokens INTEGER NOT NULL CHECK (tokens >= 0),
    nano_usd INTEGER NOT NULL CHECK (nano_usd >= 0),
    PRIMARY KEY (kind, key_id, period)
) STRICT, WITHOUT ROWID;
CREATE TABLE exceptions (
    id TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    path TEXT NOT NULL,
    asked TEXT NOT NULL,
    resolved TEXT NOT NULL,
    provider TEXT NOT NULL,
    price_id TEXT NOT NULL,
    lease_id TEXT,
    worst_tokens INTEGER NOT NULL CHECK (worst_tokens > 0),
    worst_nano_usd INTEGER NOT NULL CHECK (worst_nano_usd >= 0),
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'abandoned', 'unsettled')),
    prompt INTEGER NOT NULL DEFAULT 0,
    cached INTEGER NOT NULL DEFAULT 0,
    completion INTEGER NOT NULL DEFAULT 0,
    charged_tokens INTEGER NOT NULL CHECK (charged_tokens >= 0),
    charged_nano_usd INTEGER NOT NULL CHECK (charged_nano_usd >= 0),
    over INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    closed_ms INTEGER
) STRICT;
CREATE INDEX exceptions_open ON exceptions (state) WHERE state = 'open';
CREATE INDEX exceptions_leases ON exceptions (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX exceptions_requests ON exceptions (request_id);
CREATE INDEX exceptions_times ON exceptions (at_ms);
CREATE TABLE leases_granted (
    id TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    key_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    tokens INTEGER NOT NULL CHECK (tokens >= 0),
    nano_usd INTEGER NOT NULL CHECK (nano_usd >= 0),
    charged_tokens INTEGER NOT NULL CHECK (charged_tokens >= 0),
    charged_nano_usd INTEGER NOT NULL CHECK (charged_nano_usd >= 0),
    closed_ms INTEGER
) STRICT;
CREATE TABLE leases_held (
    id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    asked_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    tokens INTEGER NOT NULL CHECK (tokens >= 0),
    nano_usd INTEGER NOT NULL CHECK (nano_usd >= 0),
    spent_tokens INTEGER NOT NULL DEFAULT 0 CHECK (spent_tokens >= 0),
    spent_nano_usd INTEGER NOT NULL DEFAULT 0 CHECK (spent_nano_usd >= 0),
    state TEXT NOT NULL CHECK (state IN ('asked', 'held', 'closed', 'reported'))
) STRICT;
CREATE INDEX leases_held_living ON leases_held (key_id, until_ms) WHERE state = 'held';
"""

_FLEET = """
CREATE TABLE day_tokens (
    day INTEGER NOT NULL, node TEXT NOT NULL, key_id TEXT NOT NULL,
    tokens INTEGER NOT NULL CHECK (tokens BETWEEN 0 AND 1000000000000000),
    PRIMARY KEY (day, node, key_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE followers (
    node TEXT PRIMARY KEY, heard_ms INTEGER NOT NULL, source TEXT NOT NULL, version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_UNREPORTED = """
CREATE INDEX leases_held_unreported ON leases_held (asked_ms, id) WHERE state = 'closed';
"""

_STATUS = """
ALTER TABLE keys ADD COLUMN status INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET value = 0 WHERE name = 'keys_followed';
"""
"""Who may see the status page. A follower asks for the whole table once more: an authority that was updated before it
may have told it of keys that may, which it could not put down then."""

MIGRATIONS: tuple[str, ...] = (_FIRST, _FLEET, _UNREPORTED, _STATUS)
"""``MIGRATIONS[n]`` takes a file from version n to n + 1; each runs in one transaction."""
