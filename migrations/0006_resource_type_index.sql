-- What happened to resources of this type. In the index of actions the type stands second, for filters that
-- name both: for one that names the type alone, all keys of each window are looked through there, three times
-- what a rare action takes. Team, window and value, as in 0005, where the why stands.
--
-- Building it holds up appends: some seconds for a few million entries. Where that is too long, run it beforehand with
-- CREATE INDEX CONCURRENTLY: what is there already is left as it is.

CREATE INDEX IF NOT EXISTS audit_logs_resource_type_idx
  ON control_plane.audit_logs (team_id, (sequence >> 14), resource_type)
  WHERE sequence >> 14 >= 0 AND resource_type IS NOT NULL;
