CREATE TABLE tree_node (
    id {id} NOT NULL PRIMARY KEY,
    parent_id {id},
    path {text},
    kind {text} NOT NULL,
    title {text} NOT NULL,
    description {long_text} NOT NULL,
    tags {long_text} NOT NULL,
    origin {text} NOT NULL,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    deleted_at {int},
    deleted_path {text},
    deleted_by {id}
) {table_options};

CREATE UNIQUE INDEX tree_node_path ON tree_node (path);

CREATE INDEX tree_node_parent ON tree_node (parent_id);

CREATE INDEX tree_node_root ON tree_node (deleted_by);

CREATE INDEX tree_node_deleted ON tree_node (deleted_path);

CREATE TABLE tree_receipt (
    call_id {id} NOT NULL PRIMARY KEY,
    applied_at {int} NOT NULL,
    request_hash {text} NOT NULL,
    output {long_text} NOT NULL,
    changes {long_text} NOT NULL
) {table_options};
