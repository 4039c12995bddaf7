CREATE TABLE op_stream (
    id {id} NOT NULL PRIMARY KEY,
    started_at {int} NOT NULL,
    closed_at {int}
) {table_options};

CREATE TABLE op_record (
    stream_id {id} NOT NULL,
    seq {int} NOT NULL,
    header {long_text} NOT NULL,
    payload {long_text},
    hash {text} NOT NULL,
    PRIMARY KEY (stream_id, seq)
) {table_options};

CREATE TABLE op_call (
    id {id} NOT NULL PRIMARY KEY,
    path {text} NOT NULL,
    workspace {text} NOT NULL,
    at {int} NOT NULL,
    status {text} NOT NULL,
    stream_id {id} NOT NULL,
    seq {int} NOT NULL,
    outcome_stream_id {id},
    outcome_seq {int}
) {table_options};

CREATE INDEX op_call_path ON op_call (path, at, id);

CREATE INDEX op_call_workspace ON op_call (workspace, at, id);

CREATE TABLE op_key (
    scope {text} NOT NULL PRIMARY KEY,
    call_id {id} NOT NULL,
    input_hash {text} NOT NULL,
    created_at {int} NOT NULL,
    output {long_text}
) {table_options};

CREATE INDEX op_call_status ON op_call (status, stream_id, seq);

CREATE INDEX op_key_created ON op_key (created_at);

CREATE INDEX op_key_call ON op_key (call_id);
