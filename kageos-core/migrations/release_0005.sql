ALTER TABLE app_release ADD COLUMN stream_id {id};
