"""The lineage schema. Rows are added; on a repeat only a time moves, towards its minimum, so order cannot matter.

`signed` rows are told by a ledger statement whose signature was verified, the others are claims of
producers. Both are kept side by side under one key, so that no claim can change what is signed.
"""

CREATE_TABLES = """
CREATE SCHEMA IF NOT EXISTS assay_lineage;

CREATE TABLE IF NOT EXISTS assay_lineage.events (
    sha256      text PRIMARY KEY,
    run_id      text,
    event_time  timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    event       json NOT NULL
);
CREATE INDEX IF NOT EXISTS events_run ON assay_lineage.events (run_id);
CREATE INDEX IF NOT EXISTS events_received ON assay_lineage.events USING brin (received_at);
-- Events without a run are about one job or one dataset.
CREATE INDEX IF NOT EXISTS events_job ON assay_lineage.events
    (((event -> 'job' ->> 'namespace') || '/' || (event -> 'job' ->> 'name'))) WHERE run_id IS NULL;
CREATE INDEX IF NOT EXISTS events_dataset ON assay_lineage.events
    (((event -> 'dataset' ->> 'namespace') || '/' || (event -> 'dataset' ->> 'name'))) WHERE run_id IS NULL;

CREATE TABLE IF NOT EXISTS assay_lineage.runs (
    run_id        text NOT NULL,
    job           text NOT NULL,
    parent_run_id text,
    state         text NOT NULL,
    state_at      timestamptz NOT NULL,
    started_at    timestamptz NOT NULL,
    signed        boolean NOT NULL,
    PRIMARY KEY (run_id, signed)
);
CREATE INDEX IF NOT EXISTS runs_job ON assay_lineage.runs (job);
CREATE INDEX IF NOT EXISTS runs_unfinished ON assay_lineage.runs (state_at) WHERE state IN ('START', 'RUNNING');

CREATE TABLE IF NOT EXISTS assay_lineage.versions (
    id     text NOT NULL,
    name   text NOT NULL,
    type   text NOT NULL,
    digest text NOT NULL,
    at     timestamptz NOT NULL,
    signed boolean NOT NULL,
    PRIMARY KEY (id, name, signed)
);
CREATE INDEX IF NOT EXISTS versions_name ON assay_lineage.versions (name text_pattern_ops);
CREATE INDEX IF NOT EXISTS versions_source ON assay_lineage.versions (name) WHERE type = 'source';
CREATE INDEX IF NOT EXISTS versions_digest ON assay_lineage.versions (digest text_pattern_ops);

CREATE TABLE IF NOT EXISTS assay_lineage.run_versions (
    run_id text NOT NULL,
    role   text NOT NULL CHECK (role IN ('input', 'output')),
    id     text NOT NULL,
    name   text NOT NULL,
    at     timestamptz NOT NULL,
    job    text NOT NULL,
    signed boolean NOT NULL,
    PRIMARY KEY (run_id, role, id, name, signed) INCLUDE (at, job)
);
-- With INCLUDE a walk is answered by the indexes alone.
CREATE INDEX IF NOT EXISTS run_versions_id ON assay_lineage.run_versions (id, role, at) INCLUDE (run_id, signed);
CREATE INDEX IF NOT EXISTS run_versions_name ON assay_lineage.run_versions (name, signed, role, at);

-- Every input of a run leads to every output, whichever witness told of which; signed only when both ends are.
-- Not stored: 500 inputs and 500 outputs are 1,000 rows, not 250,000. The same edge may stand here more than once.
CREATE OR REPLACE VIEW assay_lineage.edges AS
    SELECT i.id AS from_id, o.id AS to_id, run_id, greatest(i.at, o.at) AS at, i.signed AND o.signed AS signed,
           split_part(i.name, '/', 1) AS from_kind, split_part(o.name, '/', 1) AS to_kind,
           i.job AS from_job, o.job AS to_job
    FROM assay_lineage.run_versions i JOIN assay_lineage.run_versions o USING (run_id)
    WHERE i.role = 'input' AND o.role = 'output' AND i.id <> o.id;

CREATE TABLE IF NOT EXISTS assay_lineage.registrations (
    seq     bigint PRIMARY KEY,
    name    text NOT NULL,
    version text NOT NULL,
    alias   text NOT NULL,
    model   text NOT NULL,
    at      timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS registrations_name ON assay_lineage.registrations (name, version);
CREATE INDEX IF NOT EXISTS registrations_model ON assay_lineage.registrations (model);

CREATE TABLE IF NOT EXISTS assay_lineage.servings (
    seq        bigint PRIMARY KEY,
    name       text NOT NULL,
    step       text NOT NULL,
    version    text NOT NULL,
    model      text NOT NULL,
    deployment text NOT NULL,
    run_id     text NOT NULL,
    at         timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS servings_name ON assay_lineage.servings (name, at, seq);
CREATE INDEX IF NOT EXISTS servings_model ON assay_lineage.servings (model);

CREATE TABLE IF NOT EXISTS assay_lineage.approvals (
    seq   bigint PRIMARY KEY,
    model text NOT NULL,
    by    text NOT NULL,
    at    timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS approvals_model ON assay_lineage.approvals (model, at);

-- How far events and statements were compared, and the runs whose did not agree.
CREATE TABLE IF NOT EXISTS assay_lineage.reconciled (
    entries     bigint PRIMARY KEY,
    received_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS assay_lineage.disagreeing (
    run_id text PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS assay_lineage.progress (
    ledger  text PRIMARY KEY,
    entries bigint NOT NULL
);
"""
