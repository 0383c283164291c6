-- migrate:up
-- What is no longer sold stays: orders name it, and its page leads to what is sold instead.
alter table products
    add column deleted_at timestamptz,
    add column successor_id bigint references products (id),
    add constraint products_successor_check
        check (successor_id is null or (deleted_at is not null and successor_id <> id));
comment on column products.deleted_at is 'since when it is no longer sold';
comment on column products.successor_id is 'what is sold instead';

create index products_successor_id_idx on products (successor_id);

-- migrate:down
alter table products drop column successor_id, drop column deleted_at;
