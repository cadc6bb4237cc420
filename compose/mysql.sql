GRANT SELECT, RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, REPLICATION CLIENT
	ON *.* TO rowstream@'%';
CREATE TABLE products (
	id int PRIMARY KEY,
	name varchar(100) NOT NULL,
	price decimal(12, 2) NOT NULL
);
CREATE TABLE stock (
	product int PRIMARY KEY,
	pieces int NOT NULL,
	counted datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
);
INSERT INTO products VALUES (1, 'bolt', 0.10), (2, 'nut', 0.05);
INSERT INTO stock (product, pieces) VALUES (1, 5000), (2, 4800);
