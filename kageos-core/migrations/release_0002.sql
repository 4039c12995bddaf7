ALTER TABLE app_release ADD COLUMN egress_digest {text};
ALTER TABLE app_release ADD COLUMN consented_by {id};
ALTER TABLE app_release ADD COLUMN consented_at {int};
