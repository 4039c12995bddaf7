ALTER TABLE op_stream ADD COLUMN node {code};

ALTER TABLE op_stream ADD COLUMN holder {text};

ALTER TABLE op_stream ADD COLUMN beat {int} NOT NULL DEFAULT 0;

ALTER TABLE op_stream ADD COLUMN fenced_at {int};

ALTER TABLE op_stream ADD COLUMN fenced_by {id};
