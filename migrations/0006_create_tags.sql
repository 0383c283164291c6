-- migrate:up
create table tags (
    id   bigint generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9-]{2,32}$')
);

create table product_tags (
    product_id bigint not null references products (id) on delete cascade,
    tag_id     bigint not null references tags (id) on delete cascade,
    primary key (product_id, tag_id)
);

-- The products of a tag; the tags of a product are found by the primary key.
create index product_tags_tag_id_idx on product_tags (tag_id);

-- migrate:down
drop table product_tags;
drop table tags;
