-- migrate:up
create table orders (
    id            bigint generated always as identity primary key,
    user_id       bigint not null references users (id),
    status        text not null default 'placed' check (status in ('placed', 'paid', 'shipped', 'cancelled')),
    total_cents   bigint not null check (total_cents >= 0),
    currency_code text not null references currencies (code),
    created_at    timestamptz not null default now(),
    shipped_at    timestamptz,
    check ((status = 'shipped') = (shipped_at is not null))
);
comment on column orders.currency_code is 'of the total and of every item: an order is paid in one currency';

-- A user's orders, newest first: one index range, in order, a page at a time.
create index orders_user_id_id_idx on orders (user_id, id desc);
create index orders_currency_code_idx on orders (currency_code);

create table order_items (
    order_id         bigint not null references orders (id) on delete cascade,
    position         integer not null check (position >= 1),
    product_id       bigint not null references products (id),
    quantity         integer not null check (quantity >= 1),
    unit_price_cents integer not null check (unit_price_cents >= 0),
    primary key (order_id, position),
    unique (order_id, product_id)
);
comment on column order_items.unit_price_cents is 'the price at the time of the order; the product''s may change later';

-- Which orders hold this product; also what deleting a product has to look up.
create index order_items_product_id_idx on order_items (product_id);

-- migrate:down
drop table order_items;
drop table orders;
