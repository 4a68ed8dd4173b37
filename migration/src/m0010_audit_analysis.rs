//! What the analysis found, what people did about it and decided about rules, how far it has come, and who is still to be told.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Facts: nothing changes them.
const HISTORIES: [&str; 2] = ["audit_findings", "audit_finding_changes"];

/// `audit_analysis` has one row. `audit_alerts_due`: what was sent leaves the table, what was given up has no time.
const UP: &str = "
CREATE TABLE audit_findings (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    rule TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('informational', 'low', 'medium', 'high', 'critical')),
    happened_at BIGINT NOT NULL,
    raised_at BIGINT NOT NULL,
    event_id {uuid} NOT NULL,
    detection TEXT NOT NULL
);
CREATE INDEX audit_findings_list ON audit_findings (organization_id, id);

CREATE TABLE audit_finding_changes (
    finding_id {uuid} NOT NULL REFERENCES audit_findings (id),
    number BIGINT NOT NULL CHECK (number > 0),
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    to_status TEXT NOT NULL CHECK (to_status IN ('acknowledged', 'resolved', 'false_positive')),
    changed_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    note TEXT,
    event_id {uuid} NOT NULL,
    PRIMARY KEY (finding_id, number)
);

CREATE TABLE audit_rules (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    rule TEXT NOT NULL,
    enabled BOOLEAN,
    overrides TEXT NOT NULL,
    silent_until BIGINT,
    silence_reason TEXT,
    {stamps},
    PRIMARY KEY (organization_id, rule)
);

CREATE TABLE audit_analysis (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    evaluated BIGINT NOT NULL,
    snapshot {blob},
    saved_at BIGINT,
    mac {blob}
);

CREATE TABLE audit_alerts (
    finding_id {uuid} NOT NULL REFERENCES audit_findings (id),
    sink TEXT NOT NULL CHECK (sink IN ('log', 'webhook', 'mail')),
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    attempts BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    next_at BIGINT,
    tried_at BIGINT,
    problem TEXT,
    PRIMARY KEY (finding_id, sink)
);
CREATE INDEX audit_alerts_due ON audit_alerts (next_at);
";

const DOWN: &str = "
DROP TABLE audit_alerts;
DROP TABLE audit_analysis;
DROP TABLE audit_rules;
DROP TABLE audit_finding_changes;
DROP TABLE audit_findings;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        for table in HISTORIES {
            dialect::make_append_only(manager, table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
