-- schema: what every peer keeps.  WAL stays with the file; each peer's own
-- connections set synchronous = FULL, as the gateway's do.
PRAGMA journal_mode = WAL;
CREATE TABLE users(id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, email TEXT NOT NULL,
	name TEXT NOT NULL, updated INTEGER NOT NULL, UNIQUE(tenant, email));
CREATE TABLE redemptions(jti BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions(id INTEGER PRIMARY KEY, secret BLOB NOT NULL,
	user INTEGER NOT NULL REFERENCES users(id), expires INTEGER NOT NULL);
