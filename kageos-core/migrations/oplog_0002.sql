CREATE INDEX op_key_call ON op_key (call_id);
