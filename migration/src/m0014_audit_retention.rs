//! Retention of the audit log: holds, runs, what each removed, and the one way by which an entry's body may go.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const APPEND_ONLY: [&str; 6] = [
    "audit_hold",
    "audit_hold_release",
    "audit_prune_run",
    "audit_prune_end",
    "audit_prune_batch",
    "audit_pruned",
];

/// `xid` of a batch is the transaction that wrote it, where the database has such a number.
const UP: &str = "
CREATE TABLE audit_hold (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    reason TEXT NOT NULL,
    of_organization {uuid},
    of_subject {uuid},
    of_actor {uuid},
    of_class TEXT,
    from_at BIGINT,
    until_at BIGINT,
    placed_at BIGINT NOT NULL,
    placed_by_kind TEXT NOT NULL,
    placed_by {uuid},
    event_id {uuid} NOT NULL
);

CREATE TABLE audit_hold_release (
    hold_id {uuid} PRIMARY KEY REFERENCES audit_hold (id),
    released_at BIGINT NOT NULL,
    released_by_kind TEXT NOT NULL,
    released_by {uuid},
    event_id {uuid} NOT NULL
);

CREATE TABLE audit_prune_run (
    id {uuid} PRIMARY KEY,
    requested_at BIGINT NOT NULL,
    requested_by_kind TEXT NOT NULL,
    requested_by {uuid},
    policy TEXT NOT NULL,
    event_id {uuid} NOT NULL
);

CREATE TABLE audit_prune_end (
    run_id {uuid} PRIMARY KEY REFERENCES audit_prune_run (id),
    ended_at BIGINT NOT NULL,
    finding TEXT
);

CREATE TABLE audit_prune_batch (
    event_id {uuid} PRIMARY KEY,
    run_id {uuid} NOT NULL REFERENCES audit_prune_run (id),
    class TEXT NOT NULL,
    cutoff BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    pruned_at BIGINT NOT NULL,
    xid BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX audit_prune_batch_run ON audit_prune_batch (run_id);

CREATE TABLE audit_pruned (
    seq BIGINT PRIMARY KEY,
    event_id {uuid} NOT NULL REFERENCES audit_prune_batch (event_id)
);
CREATE INDEX audit_pruned_event ON audit_pruned (event_id);
";

const DOWN: &str = "
DROP TABLE audit_pruned;
DROP TABLE audit_prune_batch;
DROP TABLE audit_prune_end;
DROP TABLE audit_prune_run;
DROP TABLE audit_hold_release;
DROP TABLE audit_hold;
";

/// The removal that names the entry `{event}`: its event is in the log's intake and has no place yet, so it was written just now,
/// and no older one lets anything pass.
const NAMED: &str = "audit_leaf l
    JOIN audit_pruned p ON p.seq = l.seq
    JOIN audit_prune_batch b ON b.event_id = p.event_id {this_transaction}
    JOIN audit_intake e ON e.id = b.event_id AND e.action = 'audit.prune'
    WHERE l.event_id = {event} AND NOT EXISTS (SELECT 1 FROM audit_leaf t WHERE t.event_id = e.id)";

/// What an entry must fulfil besides. The floor of 90 days and the holds stand here once more, so that neither a mistake nor a
/// service that somebody took over can go below them; what is kept for good is the class `evidence` of `vutf-audit`.
const FULFILLED: &str = "l.seq < (SELECT MAX(m.seq) FROM audit_leaf m)
    AND OLD.occurred_at < b.cutoff AND b.cutoff <= {now} - 7776000000000
    AND OLD.action NOT LIKE 'kek.%' AND OLD.action NOT IN ('key.create', 'key.rotate', 'key.activate', 'key.suspend', 'key.deactivate',
        'key.compromise', 'key.destroy', 'key.destroy_reject', 'key.rewrap', 'key.usage', 'keyset.update', 'subject.erase',
        'user.bootstrap', 'audit.accept_head', 'audit.prune', 'audit.hold_place', 'audit.hold_release',
        'audit.rule.enable', 'audit.rule.disable', 'audit.rule.update', 'audit.rule.silence', 'audit.rule.unsilence')
    AND NOT EXISTS (SELECT 1 FROM audit_hold h
        WHERE NOT EXISTS (SELECT 1 FROM audit_hold_release r WHERE r.hold_id = h.id)
        AND (h.of_organization IS NULL OR h.of_organization = OLD.organization_id)
        AND (h.of_actor IS NULL OR h.of_actor = OLD.actor_id)
        AND (h.of_class IS NULL OR h.of_class = b.class)
        AND (h.from_at IS NULL OR OLD.occurred_at >= h.from_at)
        AND (h.until_at IS NULL OR OLD.occurred_at < h.until_at)
        AND (h.of_subject IS NULL OR EXISTS
            (SELECT 1 FROM audit_subject_ref s WHERE s.event_id = OLD.id AND s.subject_id = h.of_subject)))";

/// References to persons go after their event.
const SQLITE: &str = "
DROP TRIGGER audit_intake_no_delete;
CREATE TRIGGER audit_intake_no_delete BEFORE DELETE ON audit_intake
WHEN NOT EXISTS (SELECT 1 FROM {named_event} AND {fulfilled})
BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
DROP TRIGGER audit_subject_ref_no_delete;
CREATE TRIGGER audit_subject_ref_no_delete BEFORE DELETE ON audit_subject_ref
WHEN EXISTS (SELECT 1 FROM audit_intake i WHERE i.id = OLD.event_id) OR NOT EXISTS (SELECT 1 FROM {named_reference})
BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
";

const SQLITE_DOWN: &str = "
DROP TRIGGER audit_intake_no_delete;
CREATE TRIGGER audit_intake_no_delete BEFORE DELETE ON audit_intake BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
DROP TRIGGER audit_subject_ref_no_delete;
CREATE TRIGGER audit_subject_ref_no_delete BEFORE DELETE ON audit_subject_ref BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
";

/// Functions run with the rights of the schema's owner, so that the role of the service needs none to delete; each of them does
/// one thing, and the triggers judge every row all the same.
const POSTGRES: &str = "
ALTER TABLE audit_prune_batch ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint);

CREATE FUNCTION vutf_prune_intake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM {named_event} AND {fulfilled}) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit records are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION vutf_prune_reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM audit_intake i WHERE i.id = OLD.event_id) AND EXISTS (SELECT 1 FROM {named_reference}) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit records are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

DROP TRIGGER audit_intake_append_only ON audit_intake;
CREATE TRIGGER audit_intake_append_only BEFORE UPDATE OR DELETE ON audit_intake FOR EACH ROW EXECUTE FUNCTION vutf_prune_intake();
DROP TRIGGER audit_subject_ref_append_only ON audit_subject_ref;
CREATE TRIGGER audit_subject_ref_append_only BEFORE UPDATE OR DELETE ON audit_subject_ref
    FOR EACH ROW EXECUTE FUNCTION vutf_prune_reference();

-- Removes the entries that the event names; how many. A hold that somebody is placing at this moment is waited for.
CREATE FUNCTION vutf_prune(event UUID) RETURNS BIGINT LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    removed BIGINT;
BEGIN
    LOCK TABLE audit_hold IN SHARE MODE;
    DELETE FROM audit_intake i USING audit_pruned p JOIN audit_leaf l ON l.seq = p.seq
        WHERE p.event_id = event AND i.id = l.event_id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM audit_subject_ref r USING audit_pruned p JOIN audit_leaf l ON l.seq = p.seq
        WHERE p.event_id = event AND r.event_id = l.event_id;
    RETURN removed;
END $$;

-- The lowest id of version 7 that an instant can have.
CREATE FUNCTION vutf_id_at(instant TIMESTAMPTZ) RETURNS UUID LANGUAGE sql IMMUTABLE AS $$
    SELECT (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-0000-0000-000000000000')::uuid
    FROM (SELECT lpad(to_hex((extract(epoch FROM instant) * 1000)::bigint), 12, '0') AS h) AS hexadecimal;
$$;

-- Makes partitions for the month of `micros` and `ahead` more; names those it made. A month of which events lie in the default
-- partition stays there: nothing is moved. Whoever writes waits for a moment; when that takes longer than 2 s, it is given up.
CREATE FUNCTION vutf_make_months(micros BIGINT, ahead INTEGER) RETURNS SETOF TEXT LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    first TIMESTAMP := date_trunc('month', to_timestamp(micros / 1000000.0) AT TIME ZONE 'UTC');
    month TIMESTAMP;
    name TEXT;
    low UUID;
    high UUID;
BEGIN
    IF ahead NOT BETWEEN 0 AND 12 OR first NOT BETWEEN '2000-01-01' AND '2200-01-01' THEN
        RAISE EXCEPTION 'no such months' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    FOR n IN 0..ahead LOOP
        month := first + make_interval(months => n);
        name := 'audit_intake_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'audit_intake'::regclass AND c.relname = name);
        low := vutf_id_at(month AT TIME ZONE 'UTC');
        high := vutf_id_at((month + make_interval(months => 1)) AT TIME ZONE 'UTC');
        LOCK TABLE audit_intake IN ACCESS EXCLUSIVE MODE;
        CONTINUE WHEN EXISTS (SELECT 1 FROM audit_intake_default d WHERE d.id >= low AND d.id < high);
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_intake FOR VALUES FROM (%L) TO (%L)', name, low, high);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION vutf_append_only()',
            name || '_no_truncate', name);
        RETURN NEXT name;
    END LOOP;
END $$;

-- Drops the partitions of months that are over for longer than the floor and hold nothing; names them.
CREATE FUNCTION vutf_drop_empty_months() RETURNS SETOF TEXT LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    name TEXT;
    held BOOLEAN;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    FOR name IN SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit_intake'::regclass AND c.relname ~ '^audit_intake_[0-9]{4}_[0-9]{2}$' ORDER BY 1
    LOOP
        CONTINUE WHEN to_date(right(name, 7), 'YYYY_MM') + make_interval(months => 1) > now() AT TIME ZONE 'UTC' - make_interval(days => 90);
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO held;
        CONTINUE WHEN held;
        LOCK TABLE audit_intake IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO held;
        CONTINUE WHEN held;
        EXECUTE format('DROP TABLE %I', name);
        RETURN NEXT name;
    END LOOP;
END $$;

-- No other schema, and no temporary table, can stand in for what the functions name.
DO $$
DECLARE
    named TEXT;
BEGIN
    FOREACH named IN ARRAY ARRAY['vutf_prune_intake()', 'vutf_prune_reference()', 'vutf_prune(uuid)', 'vutf_make_months(bigint, integer)',
        'vutf_drop_empty_months()']
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', named, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', named);
    END LOOP;
END $$;

SELECT vutf_make_months((extract(epoch FROM now()) * 1000000)::bigint, 3);
";

/// Rows go back to the default partition before the months go.
const POSTGRES_DOWN: &str = "
DO $$
DECLARE
    name TEXT;
BEGIN
    FOR name IN SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit_intake'::regclass AND c.relname <> 'audit_intake_default'
    LOOP
        EXECUTE format('ALTER TABLE audit_intake DETACH PARTITION %I', name);
        EXECUTE format('INSERT INTO audit_intake SELECT * FROM %I', name);
        EXECUTE format('DROP TABLE %I', name);
    END LOOP;
END $$;
DROP TRIGGER audit_intake_append_only ON audit_intake;
CREATE TRIGGER audit_intake_append_only BEFORE UPDATE OR DELETE ON audit_intake FOR EACH ROW EXECUTE FUNCTION vutf_append_only();
DROP TRIGGER audit_subject_ref_append_only ON audit_subject_ref;
CREATE TRIGGER audit_subject_ref_append_only BEFORE UPDATE OR DELETE ON audit_subject_ref
    FOR EACH ROW EXECUTE FUNCTION vutf_append_only();
DROP FUNCTION vutf_drop_empty_months();
DROP FUNCTION vutf_make_months(BIGINT, INTEGER);
DROP FUNCTION vutf_id_at(TIMESTAMPTZ);
DROP FUNCTION vutf_prune(UUID);
DROP FUNCTION vutf_prune_reference();
DROP FUNCTION vutf_prune_intake();
";

/// The rules, in the words of one database.
fn with_rules(text: &str, this_transaction: &str, now: &str) -> String {
    let named = NAMED.replace("{this_transaction}", this_transaction);
    text.replace("{named_event}", &named.replace("{event}", "OLD.id"))
        .replace("{named_reference}", &named.replace("{event}", "OLD.event_id"))
        .replace("{fulfilled}", &FULFILLED.replace("{now}", now))
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        for table in APPEND_ONLY {
            dialect::make_append_only(manager, table).await?;
        }
        let postgres = with_rules(
            POSTGRES,
            "AND b.xid = pg_current_xact_id()::text::bigint",
            "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
        );
        let sqlite = with_rules(SQLITE, "", "CAST(strftime('%s', 'now') AS INTEGER) * 1000000");
        dialect::run_either(manager, &postgres, &sqlite).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run_either(manager, POSTGRES_DOWN, SQLITE_DOWN).await?;
        dialect::run(manager, DOWN).await
    }
}
