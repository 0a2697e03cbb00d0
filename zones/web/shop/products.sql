-- The database of the shop. SQLite reads this when the lab starts, and forgets it when the lab ends.

CREATE TABLE products (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    category    TEXT    NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    stock       INTEGER NOT NULL CHECK (stock >= 0),
    about       TEXT    NOT NULL
);

CREATE INDEX products_by_category ON products (category, name);

INSERT INTO products (id, name, category, price_cents, stock, about) VALUES
    (1,  'Oak sapling',         'trees',  2900,  12, 'Two years old, with a strong root.'),
    (2,  'Walnut sapling',      'trees',  3400,   5, 'Needs room, and gives shade to grandchildren.'),
    (3,  'Pear, espalier',      'trees',  4900,   3, 'Branches trained to one side of a wall.'),
    (4,  'Weeping willow',      'trees',  3900,   0, 'For the bank of a stream. Sold out until spring.'),
    (5,  'Grafting knife',      'tools',  1850,  20, 'Cuts where a branch shall become another''s.'),
    (6,  'Pruning saw',         'tools',  2400,  14, 'For zones that have grown too large.'),
    (7,  'Spade',               'tools',  3200,   9, 'Ash and steel. Finds every root.'),
    (8,  'Watering can',        'tools',  1600,  31, 'Ten litres, delivered in order.'),
    (9,  'Twine, 100 m',        'sundry',  450,  80, 'Ties one thing to another.'),
    (10, 'Glue for labels',     'sundry',  390,  42, 'So that every plant can be found under its name.'),
    (11, 'Plant labels, 50',    'sundry',  520,  63, 'Of slate, up to 63 characters each.'),
    (12, 'Compost, 40 l',       'sundry',  890, 100, 'Last year''s leaves, well cached.');
