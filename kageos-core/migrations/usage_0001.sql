CREATE TABLE usage_tally (
    node_id {id} NOT NULL,
    span {code} NOT NULL,
    bucket {int} NOT NULL,
    stream_id {id} NOT NULL,
    calls {int} NOT NULL,
    failed {int} NOT NULL,
    refused {int} NOT NULL,
    last_at {int},
    durations {long_text} NOT NULL,
    PRIMARY KEY (node_id, span, bucket, stream_id)
) {table_options};

CREATE INDEX usage_tally_bucket ON usage_tally (span, bucket);
