CREATE TABLE file_object (
    id {id} NOT NULL PRIMARY KEY,
    node_id {id},
    state {code} NOT NULL,
    name {text} NOT NULL,
    media_type {text} NOT NULL,
    size {int} NOT NULL,
    sha256 {code},
    object_key {text} NOT NULL,
    created_at {int} NOT NULL,
    created_by {id},
    touched_at {int} NOT NULL
) {table_options};

CREATE INDEX file_object_node ON file_object (node_id, id);

CREATE INDEX file_object_state ON file_object (state, touched_at);

CREATE TABLE file_claim (
    file_id {id} NOT NULL,
    call_id {id} NOT NULL,
    claimed_at {int} NOT NULL,
    PRIMARY KEY (file_id, call_id)
) {table_options};

CREATE INDEX file_claim_call ON file_claim (call_id);

CREATE INDEX file_claim_at ON file_claim (claimed_at);
