-- Least-privilege group roles; grant them to the users that log in. May be run again, and must be
-- after a migration that adds a table or a function. Roles belong to the whole cluster, so they may
-- be there.

DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['annals_service', 'annals_maintenance'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
END
$$;

COMMENT ON ROLE annals_service IS
  'Annals servers: append, read, and erase details; never change an entry otherwise.';
COMMENT ON ROLE annals_maintenance IS 'Annals erasure and retention.';

GRANT USAGE ON SCHEMA control_plane TO annals_service, annals_maintenance;

GRANT SELECT ON
  control_plane.audit_logs,
  control_plane.audit_log_heads,
  control_plane.audit_log_tiles,
  control_plane.audit_log_counts,
  control_plane.api_keys,
  control_plane.migrations
TO annals_service, annals_maintenance;

GRANT INSERT ON
  control_plane.audit_logs,
  control_plane.audit_log_tiles,
  control_plane.audit_log_counts
TO annals_service;
GRANT INSERT, UPDATE ON control_plane.audit_log_heads, control_plane.api_keys TO annals_service;

-- Erasing details, and no other UPDATE of an entry.
GRANT EXECUTE ON FUNCTION control_plane.erase_details(uuid, bigint[]) TO annals_service;

-- The start of other sessions' append transactions bounds what a reader across teams has seen.
GRANT pg_read_all_stats TO annals_service;

GRANT UPDATE (
  actor_name, resource_name, metadata, ip_address, user_agent, request_id, trace_id,
  details_state, details_salt
) ON control_plane.audit_logs TO annals_maintenance;
GRANT DELETE ON control_plane.audit_logs TO annals_maintenance;
GRANT UPDATE (first_sequence) ON control_plane.audit_log_heads TO annals_maintenance;

-- Counting a log anew, which runs with the rights of whoever calls it.
GRANT EXECUTE ON FUNCTION control_plane.count_log(uuid) TO annals_maintenance;
GRANT INSERT, DELETE ON control_plane.audit_log_counts TO annals_maintenance;
GRANT UPDATE (counts) ON control_plane.audit_log_heads TO annals_maintenance;
