-- migrate:up
-- A form that is sent twice (a second click, a reload, a bad line) is one order: the
-- page that it was on has a key of its own. Orders by the API have none.
alter table orders add column form_key text constraint orders_form_key_key unique check (form_key ~ '^[0-9a-f]{32}$');
comment on column orders.form_key is 'which sheet of the checkout form it was placed with';

-- migrate:down
alter table orders drop column form_key;
