ALTER TABLE op_stream ADD COLUMN node {code}, ADD COLUMN holder {text}, ADD COLUMN beat {int} NOT NULL DEFAULT 0, ADD COLUMN fenced_at {int}, ADD COLUMN fenced_by {id};
