-- How many entries of each status and scope a log has, kept as entries are appended: in all in the
-- head, and up to each 32nd entry in a row of its own. A count of any stretch of time is then a
-- difference of two sums and of at most 31 entries at either end.
--
-- The order within `counts` is that of log/counts.ts:
--   success team, success admin, info team, info admin,
--   warning team, warning admin, error team, error admin.

ALTER TABLE control_plane.audit_log_heads
  ADD COLUMN counts bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0,0}',
  ADD CONSTRAINT audit_log_heads_counts_check CHECK (cardinality(counts) = 8);

COMMENT ON COLUMN control_plane.audit_log_heads.counts IS
  'How many entries of each status and scope were ever appended. If they do not add up to size, they '
  'are not those of this log, and are neither used nor kept any further: see count_log().';

CREATE TABLE control_plane.audit_log_counts (
  team_id     uuid           NOT NULL,
  record_time timestamptz(3) NOT NULL,
  size        bigint         NOT NULL,
  counts      bigint[]       NOT NULL,
  -- Read by time: the last row before an instant.
  CONSTRAINT audit_log_counts_pkey PRIMARY KEY (team_id, record_time, size),
  CONSTRAINT audit_log_counts_counts_check CHECK (
    cardinality(counts) = 8
    AND counts[1] + counts[2] + counts[3] + counts[4]
      + counts[5] + counts[6] + counts[7] + counts[8] = size
  )
);

COMMENT ON TABLE control_plane.audit_log_counts IS
  'Running counts of each team''s log, a row for every 32 entries.';
COMMENT ON COLUMN control_plane.audit_log_counts.size IS
  'The sequence of the last entry counted, a multiple of 32.';
COMMENT ON COLUMN control_plane.audit_log_counts.record_time IS 'When that entry was recorded.';

CREATE FUNCTION control_plane.count_log(team_id uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = ''
AS $$
DECLARE
  head control_plane.audit_log_heads;
BEGIN
  SELECT * INTO head FROM control_plane.audit_log_heads AS h
  WHERE h.team_id = count_log.team_id FOR UPDATE;
  DELETE FROM control_plane.audit_log_counts AS c WHERE c.team_id = count_log.team_id;
  WITH strides AS (
    SELECT
      max(sequence) AS size,
      max(record_time) AS record_time,
      count(*) FILTER (WHERE status = 'success' AND scope = 'team') AS success_team,
      count(*) FILTER (WHERE status = 'success' AND scope = 'admin') AS success_admin,
      count(*) FILTER (WHERE status = 'info' AND scope = 'team') AS info_team,
      count(*) FILTER (WHERE status = 'info' AND scope = 'admin') AS info_admin,
      count(*) FILTER (WHERE status = 'warning' AND scope = 'team') AS warning_team,
      count(*) FILTER (WHERE status = 'warning' AND scope = 'admin') AS warning_admin,
      count(*) FILTER (WHERE status = 'error' AND scope = 'team') AS error_team,
      count(*) FILTER (WHERE status = 'error' AND scope = 'admin') AS error_admin
    FROM control_plane.audit_logs AS entry
    WHERE entry.team_id = count_log.team_id
      AND sequence BETWEEN head.first_sequence AND head.size
    GROUP BY (sequence - 1) / 32
  ), sums AS (
    SELECT
      size,
      record_time,
      ARRAY[
        -- What was pruned counts as something, so that the counts add up to the size. It is in the
        -- sums at either end of any stretch that can be read.
        sum(success_team) OVER so_far + head.first_sequence - 1,
        sum(success_admin) OVER so_far,
        sum(info_team) OVER so_far,
        sum(info_admin) OVER so_far,
        sum(warning_team) OVER so_far,
        sum(warning_admin) OVER so_far,
        sum(error_team) OVER so_far,
        sum(error_admin) OVER so_far
      ]::bigint[] AS counts,
      count_of_all = size AS complete
    FROM (
      SELECT *, sum(
        success_team + success_admin + info_team + info_admin
        + warning_team + warning_admin + error_team + error_admin
      ) OVER (ORDER BY size) + head.first_sequence - 1 AS count_of_all
      FROM strides
    ) AS counted
    WINDOW so_far AS (ORDER BY size)
  ), written AS (
    INSERT INTO control_plane.audit_log_counts (team_id, record_time, size, counts)
    SELECT count_log.team_id, record_time, size, counts
    -- Behind a hole in a damaged log nothing adds up any more.
    FROM sums WHERE size % 32 = 0 AND complete
  )
  UPDATE control_plane.audit_log_heads AS h
  SET counts = coalesce(
    (SELECT counts FROM sums ORDER BY size DESC LIMIT 1),
    ARRAY[head.first_sequence - 1, 0, 0, 0, 0, 0, 0, 0]
  )
  WHERE h.team_id = count_log.team_id;
END
$$;

REVOKE ALL ON FUNCTION control_plane.count_log(uuid) FROM PUBLIC;

COMMENT ON FUNCTION control_plane.count_log(uuid) IS
  'Counts a team''s log anew, from its entries; appends to it wait meanwhile.';

SELECT control_plane.count_log(team_id) FROM control_plane.audit_log_heads WHERE size > 0;
