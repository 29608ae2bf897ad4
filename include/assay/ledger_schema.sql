-- The append-only log. Rights and triggers refuse edits; hashes and signatures name those made anyway.
CREATE SCHEMA IF NOT EXISTS assay_ledger;

CREATE TABLE IF NOT EXISTS assay_ledger.entries (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    step text NOT NULL,
    pipeline text NOT NULL,
    run_id text NOT NULL,
    verdict text NOT NULL,
    idempotency_key char(64) NOT NULL UNIQUE,
    sha256 char(64) NOT NULL UNIQUE,
    envelope text NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_by_pipeline ON assay_ledger.entries (pipeline, step, seq DESC);
CREATE INDEX IF NOT EXISTS entries_by_time ON assay_ledger.entries (at);

CREATE TABLE IF NOT EXISTS assay_ledger.subjects (
    seq bigint NOT NULL REFERENCES assay_ledger.entries (seq),
    name text NOT NULL,
    sha256 char(64) NOT NULL,
    PRIMARY KEY (seq, name, sha256)
);
CREATE INDEX IF NOT EXISTS subjects_by_digest ON assay_ledger.subjects (sha256, seq DESC);

-- nodes[level + 1]: root of the perfect subtree of 2^level entries that ends with entry `size` - 1. Each is kept once,
-- by the append that completed it, and never changes: any proof is made of O(log n) of them.
CREATE TABLE IF NOT EXISTS assay_ledger.checkpoints (
    size bigint PRIMARY KEY,
    note text NOT NULL,
    nodes bytea[] NOT NULL
);

-- Which checkpoints were published where: a place that holds less than it was given was rolled back.
CREATE TABLE IF NOT EXISTS assay_ledger.publications (
    place text NOT NULL,
    size bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (place, size)
);

-- How many entries were ever counted: deleting rows does not lower it, restoring a backup brings the backup's own.
CREATE SEQUENCE IF NOT EXISTS assay_ledger.high_water;

CREATE OR REPLACE FUNCTION assay_ledger.refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$;

DO $$
DECLARE kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['entries', 'subjects', 'checkpoints', 'publications'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'append_only_' || kind) THEN
            EXECUTE format('CREATE TRIGGER append_only_%1$s BEFORE UPDATE OR DELETE OR TRUNCATE
                ON assay_ledger.%1$s FOR EACH STATEMENT EXECUTE FUNCTION assay_ledger.refuse_edit()', kind);
        END IF;
    END LOOP;
END $$;
REVOKE UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA assay_ledger FROM PUBLIC;
