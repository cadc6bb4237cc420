CREATE TABLE customers (
	id integer PRIMARY KEY,
	name text NOT NULL,
	email text,
	since date NOT NULL DEFAULT current_date
);
CREATE TABLE orders (
	id integer PRIMARY KEY,
	customer integer NOT NULL REFERENCES customers,
	total numeric(12, 2) NOT NULL,
	placed timestamptz NOT NULL DEFAULT now()
);
-- The row before a change is whole, too.
ALTER TABLE customers REPLICA IDENTITY FULL;
ALTER TABLE orders REPLICA IDENTITY FULL;
INSERT INTO customers (id, name, email) VALUES
	(1001, 'Ann', 'ann@example.com'), (1002, 'Bob', NULL);
INSERT INTO orders (id, customer, total) VALUES (1, 1001, 19.90), (2, 1002, 250.00);
