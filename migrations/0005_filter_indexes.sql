-- What people ask of a log under a filter: what did this actor do, what happened to this resource, who
-- did such a thing, which entries are of this request. Without an index a rare match is found by reading
-- the log.
--
-- Keys are team, window, value: a window is 2^14 positions of the log. A search asks the index of one
-- window after the other, in the order of the list, until its page is full (store/search.ts). So
-- entries are appended to the few pages of the newest window, and not all over an index as large as the
-- log; the same value within a window is stored once, with the places of its entries; and a plan that is
-- mistaken reads one window and not a log. Figures: docs/decisions/0022-indexes-for-filters.md.
--
-- Each is partial by a condition that is true of every entry and that only a search states: to any other
-- statement, planned on a table that was small or never analysed, one of them would pass for the way to a
-- team's entries.
--
-- Building them holds up appends: some 10 s for a million entries. Where that is too long, run these
-- statements beforehand with CREATE INDEX CONCURRENTLY: what is there already is left as it is.

-- By actor.
CREATE INDEX IF NOT EXISTS audit_logs_actor_idx
  ON control_plane.audit_logs (team_id, (sequence >> 14), actor_id)
  WHERE sequence >> 14 >= 0;

-- By resource.
CREATE INDEX IF NOT EXISTS audit_logs_resource_idx
  ON control_plane.audit_logs (team_id, (sequence >> 14), resource_id)
  WHERE sequence >> 14 >= 0 AND resource_id IS NOT NULL;

-- By request.
CREATE INDEX IF NOT EXISTS audit_logs_request_idx
  ON control_plane.audit_logs (team_id, (sequence >> 14), request_id)
  WHERE sequence >> 14 >= 0 AND request_id IS NOT NULL;

-- By action or type of resource. Fields of few values share an index: a window has few combinations of
-- them, which are soon looked through.
CREATE INDEX IF NOT EXISTS audit_logs_action_idx
  ON control_plane.audit_logs (team_id, (sequence >> 14), action, resource_type)
  WHERE sequence >> 14 >= 0;

-- By status, type of actor or scope.
CREATE INDEX IF NOT EXISTS audit_logs_status_idx
  ON control_plane.audit_logs (team_id, (sequence >> 14), status, actor_type, scope)
  WHERE sequence >> 14 >= 0;

-- How many entries a window has: of partial indexes the planner uses no statistics.
CREATE STATISTICS IF NOT EXISTS control_plane.audit_logs_window
  ON (sequence >> 14) FROM control_plane.audit_logs;
