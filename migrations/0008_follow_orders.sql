-- migrate:up
alter table orders
    add column updated_at timestamptz not null default now(),
    add column lock_version integer not null default 0;
comment on column orders.lock_version is 'counts the changes: who has seen another number may not write';

create table invoices (
    id        bigint generated always as identity primary key,
    order_id  bigint not null unique references orders (id),
    issued_at timestamptz not null default now()
);

create table events (
    id           bigint generated always as identity primary key,
    subject_type text not null check (subject_type in ('order', 'product')),
    subject_id   bigint not null,
    what         text not null check (what <> ''),
    created_at   timestamptz not null default now()
);
comment on table events is 'what became of orders and products';

-- migrate:down
drop table events;
drop table invoices;
alter table orders drop column lock_version, drop column updated_at;
