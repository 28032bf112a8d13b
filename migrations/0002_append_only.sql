-- Privileges keep the service from changing an entry; this keeps everyone from it, the table's
-- owner and superusers included. It costs appends nothing: no trigger fires on INSERT.

CREATE FUNCTION control_plane.audit_logs_append_only() RETURNS trigger
LANGUAGE plpgsql
SET search_path = ''
AS $$
DECLARE
  erased control_plane.audit_logs;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    erased := OLD;
    erased.actor_name := NULL;
    erased.resource_name := NULL;
    erased.metadata := NULL;
    erased.ip_address := NULL;
    erased.user_agent := NULL;
    erased.request_id := NULL;
    erased.trace_id := NULL;
    erased.details_salt := NULL;
    erased.details_state := 'erased';
    IF OLD.details_state <> 'erased' AND NEW IS NOT DISTINCT FROM erased THEN
      RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_logs is append-only: an entry cannot be changed'
      USING ERRCODE = 'restrict_violation',
            DETAIL = format('Entry %s of team %s.', OLD.sequence, OLD.team_id),
            HINT = 'An entry''s details can be erased: all of them and the salt set to null, '
                   'and details_state to ''erased'', in one UPDATE that changes nothing else.';
  ELSIF TG_OP = 'DELETE' THEN
    IF EXISTS (
      SELECT FROM control_plane.audit_log_heads AS head
      WHERE head.team_id = OLD.team_id AND OLD.sequence < head.first_sequence
    ) THEN
      RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_logs is append-only: an entry cannot be deleted'
      USING ERRCODE = 'restrict_violation',
            DETAIL = format('Entry %s of team %s is not below the retention floor.',
                            OLD.sequence, OLD.team_id),
            HINT = 'Retention raises first_sequence in audit_log_heads before it prunes.';
  ELSE
    RAISE EXCEPTION 'audit_logs is append-only: it cannot be truncated'
      USING ERRCODE = 'restrict_violation';
  END IF;
END
$$;

COMMENT ON FUNCTION control_plane.audit_logs_append_only() IS
  'Refuses every change of an entry but the erasure of its details, every deletion but of entries '
  'below the retention floor, and TRUNCATE.';

DO $$
BEGIN
  -- Citus does not distribute a table that has triggers; there, privileges alone protect entries.
  IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus') THEN
    RAISE NOTICE 'Citus: audit_logs gets no append-only trigger';
    RETURN;
  END IF;

  CREATE TRIGGER audit_logs_append_only
    BEFORE UPDATE OR DELETE ON control_plane.audit_logs
    FOR EACH ROW EXECUTE FUNCTION control_plane.audit_logs_append_only();

  CREATE TRIGGER audit_logs_no_truncate
    BEFORE TRUNCATE ON control_plane.audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION control_plane.audit_logs_append_only();

  -- ALWAYS: also under session_replication_role = 'replica', which skips ordinary triggers.
  ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only;
  ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate;
END
$$;
