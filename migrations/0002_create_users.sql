-- migrate:up
create table users (
    id           bigint generated always as identity primary key,
    email        text not null check (length(email) <= 254 and email like '%_@_%'),
    name         text not null check (length(name) between 1 and 120),
    country_code text not null references countries (code),
    created_at   timestamptz not null default now()
);
comment on column users.email is 'as it was typed; 254 characters are the most that SMTP can carry (RFC 5321, 4.5.3.1.3)';

-- One mailbox, one user: Ada@example.com and ada@example.com reach the same person.
create unique index users_email_key on users (lower(email));
create index users_country_code_idx on users (country_code);

-- migrate:down
drop table users;
