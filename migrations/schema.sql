-- The database behind these migrations, written by `rille migrate`: to read, and to load.

SET check_function_bodies = false;

CREATE TABLE public.countries (
    code text NOT NULL,
    alpha3 text NOT NULL,
    numeric_code text NOT NULL,
    name text NOT NULL,
    official_name text,
    flag text NOT NULL,
    CONSTRAINT countries_alpha3_check CHECK ((alpha3 ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT countries_code_check CHECK ((code ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT countries_name_check CHECK ((name <> ''::text)),
    CONSTRAINT countries_numeric_code_check CHECK ((numeric_code ~ '^[0-9]{3}$'::text)),
    CONSTRAINT countries_official_name_check CHECK ((official_name <> ''::text))
);

COMMENT ON TABLE public.countries IS 'ISO 3166-1';

COMMENT ON COLUMN public.countries.code IS 'alpha-2';

COMMENT ON COLUMN public.countries.numeric_code IS 'text, because 008 is not 8';

COMMENT ON COLUMN public.countries.name IS 'the common name where there is one: Taiwan, not Taiwan, Province of China';

CREATE TABLE public.currencies (
    code text NOT NULL,
    numeric_code text NOT NULL,
    name text NOT NULL,
    CONSTRAINT currencies_code_check CHECK ((code ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT currencies_name_check CHECK ((name <> ''::text)),
    CONSTRAINT currencies_numeric_code_check CHECK ((numeric_code ~ '^[0-9]{3}$'::text))
);

COMMENT ON TABLE public.currencies IS 'ISO 4217';

CREATE TABLE public.events (
    id bigint NOT NULL,
    subject_type text NOT NULL,
    subject_id bigint NOT NULL,
    what text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT events_subject_type_check CHECK ((subject_type = ANY (ARRAY['order'::text, 'product'::text]))),
    CONSTRAINT events_what_check CHECK ((what <> ''::text))
);

COMMENT ON TABLE public.events IS 'what became of orders and products';

ALTER TABLE public.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.invoices (
    id bigint NOT NULL,
    order_id bigint NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.invoices ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.invoices_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.order_items (
    order_id bigint NOT NULL,
    "position" integer NOT NULL,
    product_id bigint NOT NULL,
    quantity integer NOT NULL,
    unit_price_cents integer NOT NULL,
    CONSTRAINT order_items_position_check CHECK (("position" >= 1)),
    CONSTRAINT order_items_quantity_check CHECK ((quantity >= 1)),
    CONSTRAINT order_items_unit_price_cents_check CHECK ((unit_price_cents >= 0))
);

COMMENT ON COLUMN public.order_items.unit_price_cents IS 'the price at the time of the order; the product''s may change later';

CREATE TABLE public.orders (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    status text DEFAULT 'placed'::text NOT NULL,
    total_cents bigint NOT NULL,
    currency_code text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    shipped_at timestamp with time zone,
    form_key text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    lock_version integer DEFAULT 0 NOT NULL,
    CONSTRAINT orders_check CHECK (((status = 'shipped'::text) = (shipped_at IS NOT NULL))),
    CONSTRAINT orders_form_key_check CHECK ((form_key ~ '^[0-9a-f]{32}$'::text)),
    CONSTRAINT orders_status_check CHECK ((status = ANY (ARRAY['placed'::text, 'paid'::text, 'shipped'::text, 'cancelled'::text]))),
    CONSTRAINT orders_total_cents_check CHECK ((total_cents >= 0))
);

COMMENT ON COLUMN public.orders.currency_code IS 'of the total and of every item: an order is paid in one currency';

COMMENT ON COLUMN public.orders.form_key IS 'which sheet of the checkout form it was placed with';

COMMENT ON COLUMN public.orders.lock_version IS 'counts the changes: who has seen another number may not write';

ALTER TABLE public.orders ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.orders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.product_tags (
    product_id bigint NOT NULL,
    tag_id bigint NOT NULL
);

CREATE TABLE public.products (
    id bigint NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    description text,
    price_cents integer NOT NULL,
    currency_code text NOT NULL,
    stock integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    successor_id bigint,
    CONSTRAINT products_description_check CHECK ((description <> ''::text)),
    CONSTRAINT products_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT products_price_cents_check CHECK ((price_cents >= 0)),
    CONSTRAINT products_sku_check CHECK ((sku ~ '^[A-Z0-9-]{3,32}$'::text)),
    CONSTRAINT products_stock_check CHECK ((stock >= 0)),
    CONSTRAINT products_successor_check CHECK (((successor_id IS NULL) OR ((deleted_at IS NOT NULL) AND (successor_id <> id))))
);

COMMENT ON COLUMN public.products.price_cents IS 'hundredths of the currency: money is counted, never measured';

COMMENT ON COLUMN public.products.stock IS 'pieces that can still be sold; the check is the last guard against overselling';

COMMENT ON COLUMN public.products.deleted_at IS 'since when it is no longer sold';

COMMENT ON COLUMN public.products.successor_id IS 'what is sold instead';

ALTER TABLE public.products ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.products_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migrations (
    version character varying(128) NOT NULL,
    name text,
    checksum text,
    applied_at timestamp with time zone DEFAULT clock_timestamp()
);

CREATE TABLE public.tags (
    id bigint NOT NULL,
    name text NOT NULL,
    CONSTRAINT tags_name_check CHECK ((name ~ '^[a-z0-9-]{2,32}$'::text))
);

ALTER TABLE public.tags ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tags_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.users (
    id bigint NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    country_code text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_email_check CHECK (((length(email) <= 254) AND (email ~~ '%_@_%'::text))),
    CONSTRAINT users_name_check CHECK (((length(name) >= 1) AND (length(name) <= 120)))
);

COMMENT ON COLUMN public.users.email IS 'as it was typed; 254 characters are the most that SMTP can carry (RFC 5321, 4.5.3.1.3)';

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.countries
    ADD CONSTRAINT countries_alpha3_key UNIQUE (alpha3);

ALTER TABLE ONLY public.countries
    ADD CONSTRAINT countries_numeric_code_key UNIQUE (numeric_code);

ALTER TABLE ONLY public.countries
    ADD CONSTRAINT countries_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.currencies
    ADD CONSTRAINT currencies_numeric_code_key UNIQUE (numeric_code);

ALTER TABLE ONLY public.currencies
    ADD CONSTRAINT currencies_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_order_id_key UNIQUE (order_id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT order_items_order_id_product_id_key UNIQUE (order_id, product_id);

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT order_items_pkey PRIMARY KEY (order_id, "position");

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_form_key_key UNIQUE (form_key);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.product_tags
    ADD CONSTRAINT product_tags_pkey PRIMARY KEY (product_id, tag_id);

ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_sku_key UNIQUE (sku);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_name_key UNIQUE (name);

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX events_subject_idx ON public.events USING btree (subject_type, subject_id, id);

CREATE INDEX order_items_product_id_idx ON public.order_items USING btree (product_id);

CREATE INDEX orders_currency_code_idx ON public.orders USING btree (currency_code);

CREATE INDEX orders_user_id_id_idx ON public.orders USING btree (user_id, id DESC);

CREATE INDEX product_tags_tag_id_idx ON public.product_tags USING btree (tag_id);

CREATE INDEX products_currency_code_idx ON public.products USING btree (currency_code);

CREATE INDEX products_successor_id_idx ON public.products USING btree (successor_id);

CREATE INDEX users_country_code_idx ON public.users USING btree (country_code);

CREATE UNIQUE INDEX users_email_key ON public.users USING btree (lower(email));

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id);

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT order_items_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT order_items_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(id);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_currency_code_fkey FOREIGN KEY (currency_code) REFERENCES public.currencies(code);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.product_tags
    ADD CONSTRAINT product_tags_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.product_tags
    ADD CONSTRAINT product_tags_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES public.tags(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_currency_code_fkey FOREIGN KEY (currency_code) REFERENCES public.currencies(code);

ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_successor_id_fkey FOREIGN KEY (successor_id) REFERENCES public.products(id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_country_code_fkey FOREIGN KEY (country_code) REFERENCES public.countries(code);

INSERT INTO public.schema_migrations (version) VALUES
    ('0001'),
    ('0002'),
    ('0003'),
    ('0004'),
    ('0005'),
    ('0006'),
    ('0007'),
    ('0008'),
    ('0009');
