DROP INDEX op_call_status;

CREATE INDEX op_call_pending ON op_call (stream_id, seq) WHERE status = 'pending';
