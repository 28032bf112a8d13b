-- The service's role may not change an entry, and yet an erasure and the entry that says so are one
-- transaction of one session. This function is all of UPDATE that it is given.

CREATE FUNCTION control_plane.erase_details(team_id uuid, sequences bigint[])
RETURNS SETOF bigint
LANGUAGE sql
VOLATILE STRICT
SECURITY DEFINER
SET search_path = ''
AS $$
  UPDATE control_plane.audit_logs AS entry
  SET actor_name = NULL,
      resource_name = NULL,
      metadata = NULL,
      ip_address = NULL,
      user_agent = NULL,
      request_id = NULL,
      trace_id = NULL,
      details_salt = NULL,
      details_state = 'erased'
  WHERE entry.team_id = erase_details.team_id
    AND entry.sequence = ANY (erase_details.sequences)
    AND entry.details_state = 'present'
    -- What was erased must stay known, or a missing salt could not be told from tampering.
    AND NOT (entry.recorder_type = 'annals' AND entry.action = 'erase_details')
  RETURNING entry.sequence
$$;

REVOKE ALL ON FUNCTION control_plane.erase_details(uuid, bigint[]) FROM PUBLIC;

COMMENT ON FUNCTION control_plane.erase_details(uuid, bigint[]) IS
  'Erases the details and salts of a team''s entries, for good, and returns the sequences erased; '
  'entries without details, erased before, or recording an erasure are passed over. With the rights '
  'of the table''s owner. Whoever calls it must append the entry that says so, in its transaction.';
