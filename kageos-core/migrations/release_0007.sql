DROP TABLE release_place;
