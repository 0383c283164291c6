-- migrate:up
create table products (
    id            bigint generated always as identity primary key,
    sku           text not null unique check (sku ~ '^[A-Z0-9-]{3,32}$'),
    name          text not null check (length(name) between 1 and 200),
    description   text check (description <> ''),
    price_cents   integer not null check (price_cents >= 0),
    currency_code text not null references currencies (code),
    stock         integer not null check (stock >= 0),
    created_at    timestamptz not null default now()
);
comment on column products.price_cents is 'hundredths of the currency: money is counted, never measured';
comment on column products.stock is 'pieces that can still be sold; the check is the last guard against overselling';

create index products_currency_code_idx on products (currency_code);

-- migrate:down
drop table products;
