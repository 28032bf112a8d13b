CREATE SCHEMA IF NOT EXISTS control_plane;

COMMENT ON SCHEMA control_plane IS 'Annals: the audit log of every team.';

-- Every key begins with team_id, so that heads, entries and tiles can be distributed by it
-- and co-located. Nothing here uses a database sequence: positions come from the head.

CREATE TABLE control_plane.audit_log_heads (
  team_id          uuid           NOT NULL,
  size             bigint         NOT NULL DEFAULT 0,
  first_sequence   bigint         NOT NULL DEFAULT 1,
  last_record_time timestamptz(3),
  frontier         bytea          NOT NULL DEFAULT '',
  CONSTRAINT audit_log_heads_pkey PRIMARY KEY (team_id),
  CONSTRAINT audit_log_heads_size_check CHECK (size >= 0),
  -- The leaves of a tile that is not full yet are needed to fill it.
  CONSTRAINT audit_log_heads_first_sequence_check
    CHECK (first_sequence BETWEEN 1 AND size / 256 * 256 + 1)
)
-- A head is rewritten by every append to its team. Half-empty pages let the new version stay
-- on its page (a HOT update), which leaves the index alone and is pruned without a vacuum.
WITH (fillfactor = 50);

COMMENT ON TABLE control_plane.audit_log_heads IS
  'One row a team: how far its log reaches. Locking this row serialises appends to the team.';
COMMENT ON COLUMN control_plane.audit_log_heads.size IS
  'The last sequence assigned; 0 before the first entry. Pruning does not lower it.';
COMMENT ON COLUMN control_plane.audit_log_heads.first_sequence IS
  'The retention floor: the lowest sequence still kept. It does not pass the last full tile.';
COMMENT ON COLUMN control_plane.audit_log_heads.last_record_time IS
  'The newest record_time, below which the next one may not fall.';
COMMENT ON COLUMN control_plane.audit_log_heads.frontier IS
  'The Merkle tree''s right edge: the hashes of its perfect subtrees, largest first, 32 bytes each.';

CREATE TABLE control_plane.audit_logs (
  id             uuid           NOT NULL,
  team_id        uuid           NOT NULL,
  sequence       bigint         NOT NULL,
  recorder_type  text           NOT NULL,
  recorder_id    text           NOT NULL,
  actor_type     text           NOT NULL,
  actor_id       text           NOT NULL,
  actor_name     text,
  resource_type  text,
  resource_id    text,
  resource_name  text,
  action         text           NOT NULL,
  scope          text           NOT NULL,
  status         text           NOT NULL,
  metadata       jsonb,
  ip_address     inet,
  user_agent     text,
  request_id     text,
  trace_id       text,
  occur_time     timestamptz(3),
  record_time    timestamptz(3) NOT NULL,
  details_state  text           NOT NULL,
  details_salt   bytea,
  details_digest bytea          NOT NULL,
  leaf_hash      bytea          NOT NULL,
  CONSTRAINT audit_logs_pkey PRIMARY KEY (team_id, sequence),
  CONSTRAINT audit_logs_team_id_id_key UNIQUE (team_id, id),
  CONSTRAINT audit_logs_sequence_check CHECK (sequence >= 1),
  CONSTRAINT audit_logs_recorder_type_check
    CHECK (recorder_type IN ('user', 'api_key', 'service', 'annals')),
  CONSTRAINT audit_logs_actor_type_check
    CHECK (actor_type IN ('user', 'api_key', 'service', 'system', 'anonymous')),
  CONSTRAINT audit_logs_system_actor_check CHECK (actor_type <> 'system' OR actor_id = 'system'),
  CONSTRAINT audit_logs_resource_check
    CHECK (resource_type IS NOT NULL OR (resource_id IS NULL AND resource_name IS NULL)),
  CONSTRAINT audit_logs_scope_check CHECK (scope IN ('team', 'admin')),
  CONSTRAINT audit_logs_status_check CHECK (status IN ('success', 'info', 'warning', 'error')),
  CONSTRAINT audit_logs_details_state_check CHECK (details_state IN ('present', 'none', 'erased')),
  CONSTRAINT audit_logs_details_check CHECK (
    details_state = 'present'
    OR num_nonnulls(
      actor_name, resource_name, metadata, ip_address, user_agent, request_id, trace_id
    ) = 0
  ),
  -- Without its salt, the digest of an erased entry's details cannot be tested against guesses.
  CONSTRAINT audit_logs_details_salt_check CHECK (
    CASE WHEN details_state = 'erased'
      THEN details_salt IS NULL
      ELSE details_salt IS NOT NULL AND octet_length(details_salt) = 32
    END
  ),
  CONSTRAINT audit_logs_details_digest_check CHECK (octet_length(details_digest) = 32),
  CONSTRAINT audit_logs_leaf_hash_check CHECK (octet_length(leaf_hash) = 32)
);

-- Reading across teams goes by (record_time, team_id, sequence).
CREATE INDEX audit_logs_record_time_idx
  ON control_plane.audit_logs (record_time, team_id, sequence);

COMMENT ON TABLE control_plane.audit_logs IS
  'The entries. Append-only: nothing changes but that details are erased and that entries below '
  'the retention floor are pruned.';
COMMENT ON COLUMN control_plane.audit_logs.sequence IS
  'The position in the team''s log: 1, 2, 3 … without gaps, in commit order.';
COMMENT ON COLUMN control_plane.audit_logs.record_time IS
  'The database''s clock, read after the head was locked; never going back within a team.';
COMMENT ON COLUMN control_plane.audit_logs.details_state IS
  'Of actor_name, resource_name, metadata, ip_address, user_agent, request_id and trace_id: '
  'present, none (there never were any) or erased.';
COMMENT ON COLUMN control_plane.audit_logs.details_digest IS
  'SHA-256 of the salt and the details as canonical JSON; it stays when the details are erased.';
COMMENT ON COLUMN control_plane.audit_logs.leaf_hash IS 'RFC 6962 leaf hash of the entry.';

CREATE TABLE control_plane.audit_log_tiles (
  team_id    uuid     NOT NULL,
  level      smallint NOT NULL,
  tile_index bigint   NOT NULL,
  hashes     bytea    NOT NULL,
  root       bytea    NOT NULL,
  CONSTRAINT audit_log_tiles_pkey PRIMARY KEY (team_id, level, tile_index),
  CONSTRAINT audit_log_tiles_level_check CHECK (level >= 0),
  CONSTRAINT audit_log_tiles_tile_index_check CHECK (tile_index >= 0),
  CONSTRAINT audit_log_tiles_hashes_check CHECK (octet_length(hashes) = 256 * 32),
  CONSTRAINT audit_log_tiles_root_check CHECK (octet_length(root) = 32)
);

-- Hashes do not compress; PLAIN storage would not fit a page.
ALTER TABLE control_plane.audit_log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

COMMENT ON TABLE control_plane.audit_log_tiles IS
  'Full tiles of each team''s Merkle tree, as in C2SP tlog-tiles: 256 hashes of 32 bytes. '
  'Partial ones are made of leaf_hash, or of the roots of the tiles below.';
COMMENT ON COLUMN control_plane.audit_log_tiles.root IS
  'The root of the tile''s 256 hashes, which is one hash of the tile above.';

CREATE TABLE control_plane.api_keys (
  team_id       uuid           NOT NULL,
  id            uuid           NOT NULL,
  name          text           NOT NULL,
  grants        text[]         NOT NULL DEFAULT '{}',
  secret_hash   bytea          NOT NULL,
  secret_hint   text           NOT NULL,
  create_time   timestamptz(3) NOT NULL,
  expire_time   timestamptz(3),
  revoke_time   timestamptz(3),
  last_use_time timestamptz(3),
  CONSTRAINT api_keys_pkey PRIMARY KEY (team_id, id),
  CONSTRAINT api_keys_secret_hash_key UNIQUE (secret_hash),
  CONSTRAINT api_keys_secret_hash_check CHECK (octet_length(secret_hash) = 32)
);

COMMENT ON TABLE control_plane.api_keys IS
  'Credentials of teams'' programs. Small: in a distributed database a reference table.';
COMMENT ON COLUMN control_plane.api_keys.secret_hash IS
  'SHA-256 of the secret, which has 256 random bits and so needs no slow hash.';
COMMENT ON COLUMN control_plane.api_keys.secret_hint IS
  'The few characters of the secret that are shown to tell keys apart.';
