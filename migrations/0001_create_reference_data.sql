-- Countries and currencies as ISO 3166-1 and ISO 4217 list them. Other tables
-- refer to them by code: a code is what the outside says, and it never changes.

-- migrate:up
create table countries (
    code          text primary key check (code ~ '^[A-Z]{2}$'),
    alpha3        text not null unique check (alpha3 ~ '^[A-Z]{3}$'),
    numeric_code  text not null unique check (numeric_code ~ '^[0-9]{3}$'),
    name          text not null check (name <> ''),
    official_name text check (official_name <> ''),
    flag          text not null
);
comment on table countries is 'ISO 3166-1';
comment on column countries.code is 'alpha-2';
comment on column countries.numeric_code is 'text, because 008 is not 8';
comment on column countries.name is 'the common name where there is one: Taiwan, not Taiwan, Province of China';

create table currencies (
    code         text primary key check (code ~ '^[A-Z]{3}$'),
    numeric_code text not null unique check (numeric_code ~ '^[0-9]{3}$'),
    name         text not null check (name <> '')
);
comment on table currencies is 'ISO 4217';

-- migrate:down
drop table currencies;
drop table countries;
