-- migrate:up transaction:false
-- What became of one subject, in order. Orders are placed on while it is built.
create index concurrently events_subject_idx on events (subject_type, subject_id, id);

-- migrate:down transaction:false
drop index concurrently events_subject_idx;
