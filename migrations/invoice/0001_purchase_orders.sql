-- The register of standing purchase orders: what may be bought from whom, up to how much a time, and when.

CREATE TABLE purchase_orders (
    order_number   text PRIMARY KEY,
    supplier       text NOT NULL CHECK (supplier <> ''),
    supplier_words text[] NOT NULL
                   GENERATED ALWAYS AS (regexp_split_to_array(upper(supplier), '[^A-Z0-9]+')) STORED,
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    purchase_limit numeric(12, 2) NOT NULL CHECK (purchase_limit > 0),
    valid_from     date NOT NULL,
    valid_until    date NOT NULL CHECK (valid_until >= valid_from)
);

CREATE INDEX purchase_orders_by_word ON purchase_orders USING gin (supplier_words);

COMMENT ON COLUMN purchase_orders.purchase_limit IS 'The most that one purchase under the order may come to.';
COMMENT ON COLUMN purchase_orders.supplier_words IS 'The words of the name, by which orders of a similar name are found.';
