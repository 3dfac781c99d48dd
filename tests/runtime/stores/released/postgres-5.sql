CREATE SCHEMA released_schema;
CREATE TABLE released_schema.counters (
    name text NOT NULL,
    shard integer NOT NULL,
    n bigint NOT NULL
);
CREATE TABLE released_schema.erased (
    hash text NOT NULL
);
CREATE TABLE released_schema.ids (
    key text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    leads_to text,
    version bigint NOT NULL,
    due bigint,
    live bigint NOT NULL,
    worker text,
    leased_until bigint,
    state bytea
);
CREATE TABLE released_schema.meta (
    one integer NOT NULL,
    schema integer NOT NULL,
    secret bytea NOT NULL,
    watermark bigint NOT NULL,
    floor bigint NOT NULL,
    CONSTRAINT meta_one_check CHECK ((one = 1))
);
CREATE TABLE released_schema.notes (
    name text NOT NULL COLLATE pg_catalog."C",
    text text NOT NULL
);
CREATE TABLE released_schema.outbox (
    n bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    destination text NOT NULL,
    call text NOT NULL,
    body bytea NOT NULL,
    at bigint NOT NULL,
    profile text NOT NULL,
    user_id text,
    anonymous_id text,
    journey text,
    version bigint,
    instance text,
    step text,
    source text,
    order_key text NOT NULL,
    tries bigint NOT NULL,
    ready bigint NOT NULL,
    worker text,
    died bigint,
    error text
);
ALTER TABLE released_schema.outbox ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME released_schema.outbox_n_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE released_schema.tallies (
    journey text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    day bigint NOT NULL,
    figure text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    shard integer NOT NULL,
    n bigint NOT NULL
);
CREATE TABLE released_schema.trace (
    n bigint NOT NULL,
    at bigint NOT NULL,
    profile text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    journey text,
    instance text,
    kind text NOT NULL,
    record text NOT NULL
);
ALTER TABLE released_schema.trace ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME released_schema.trace_n_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE released_schema.waiting (
    arrival bigint NOT NULL,
    "timestamp" bigint NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    id_key text NOT NULL,
    call text NOT NULL,
    others text DEFAULT '[]'::text NOT NULL
);
INSERT INTO released_schema.counters VALUES ('late', 0, 3);
INSERT INTO released_schema.erased VALUES ('9df04d589e0ac5d75a025a5cdb46b61b');
INSERT INTO released_schema.ids OVERRIDING SYSTEM VALUE VALUES ('u:ada', '\x', NULL, 1, 1000, 2, NULL, NULL, '\x7b226e223a317d');
INSERT INTO released_schema.ids OVERRIDING SYSTEM VALUE VALUES ('a:y', '\x', 'u:ada', 1, NULL, 0, NULL, NULL, NULL);
INSERT INTO released_schema.ids OVERRIDING SYSTEM VALUE VALUES ('a:x', '\x', 'u:ada', 1, NULL, 0, NULL, NULL, NULL);
INSERT INTO released_schema.meta VALUES (1, 5, '\x2b93ac0d3e19e6c8e76d0c65baeaf8b2497e9668dcb80227aac86bbeb7fe39d8', 20, 1);
INSERT INTO released_schema.notes VALUES ('file:1', '7');
INSERT INTO released_schema.outbox OVERRIDING SYSTEM VALUE VALUES (2, 'd1', 'mail', 'track', '\x7b226e223a22c3a9227d', 1, 'ada', 'ada', NULL, 'cart', 1, 'i1', 'nudge', NULL, 'i1 mail', 0, 0, NULL, NULL, NULL);
INSERT INTO released_schema.outbox OVERRIDING SYSTEM VALUE VALUES (3, 'd2', 'mail', 'track', '\x7b226e223a22c3a9227d', 2, 'ada', 'ada', NULL, 'cart', 1, 'i1', 'nudge', NULL, 'i1 mail', 0, 0, NULL, NULL, NULL);
INSERT INTO released_schema.outbox OVERRIDING SYSTEM VALUE VALUES (1, 'd0', 'mail', 'track', '\x7b226e223a22c3a9227d', 0, 'ada', 'ada', NULL, 'cart', 1, 'i1', 'nudge', NULL, 'i1 mail', 1, 10, NULL, 1, 'no');
INSERT INTO released_schema.tallies VALUES ('cart', 1, 20454, '["entered",null]', '\x7a9825ac593a5a9fd965cbfb22f62b6e35793d36fa192ca520f5304a1bc312b6', 0, 2);
INSERT INTO released_schema.trace OVERRIDING SYSTEM VALUE VALUES (1, 5, 'ada', 'u:ada', 0, 'cart', 'i1', 'step', '{"n":0}');
INSERT INTO released_schema.trace OVERRIDING SYSTEM VALUE VALUES (2, 4, 'ada', 'u:ada', 1, 'cart', 'i1', 'step', '{"n":1}');
INSERT INTO released_schema.trace OVERRIDING SYSTEM VALUE VALUES (3, 3, 'ada', 'u:ada', 2, 'cart', 'i1', 'step', '{"n":2}');
INSERT INTO released_schema.waiting VALUES (4, 9, 'm', 'u:ada', '{}', '[]');
SELECT pg_catalog.setval('released_schema.outbox_n_seq', 3, true);
SELECT pg_catalog.setval('released_schema.trace_n_seq', 3, true);
ALTER TABLE ONLY released_schema.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (name, shard);
ALTER TABLE ONLY released_schema.erased
    ADD CONSTRAINT erased_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY released_schema.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (one);
ALTER TABLE ONLY released_schema.notes
    ADD CONSTRAINT notes_pkey PRIMARY KEY (name);
ALTER TABLE ONLY released_schema.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (n);
ALTER TABLE ONLY released_schema.tallies
    ADD CONSTRAINT tallies_pkey PRIMARY KEY (digest, version, day, shard);
ALTER TABLE ONLY released_schema.trace
    ADD CONSTRAINT trace_pkey PRIMARY KEY (n);
ALTER TABLE ONLY released_schema.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (arrival);
CREATE INDEX ids_due ON released_schema.ids USING btree (due) WHERE (due IS NOT NULL);
CREATE INDEX ids_leading ON released_schema.ids USING hash (leads_to) WHERE (leads_to IS NOT NULL);
CREATE UNIQUE INDEX ids_place ON released_schema.ids USING btree ((
CASE
    WHEN (char_length(key) > 600) THEN ("left"(key, 600) || encode(digest, 'hex'::text))
    ELSE key
END));
CREATE INDEX outbox_claimed ON released_schema.outbox USING btree (id) WHERE (worker IS NOT NULL);
CREATE INDEX outbox_dead ON released_schema.outbox USING btree (id) WHERE (died IS NOT NULL);
CREATE INDEX outbox_order ON released_schema.outbox USING hash (order_key) WHERE ((died IS NULL) AND (order_key <> ''::text));
CREATE INDEX outbox_turn ON released_schema.outbox USING btree (destination, ready, at, n) WHERE (died IS NULL);
CREATE INDEX trace_instance ON released_schema.trace USING hash (instance) WHERE (instance IS NOT NULL);
CREATE INDEX trace_order ON released_schema.trace USING btree (at, "left"(profile, 100));
CREATE INDEX trace_profile ON released_schema.trace USING hash (profile);
CREATE INDEX waiting_message ON released_schema.waiting USING hash (message_id) WHERE (message_id <> ''::text);
CREATE INDEX waiting_order ON released_schema.waiting USING btree ("timestamp");
