//! Every table has the audit mixin and a tenant, but for those that a decision record names with a reason.

use crate::world::World;

/// `docs/adr/0020-which-tables-carry-the-mixin.md`.
const WITHOUT_MIXIN: [&str; 39] = [
    "account_links",
    "approvals",
    "audit_alerts",
    "audit_analysis",
    "audit_checkpoint",
    "audit_cosignature",
    "audit_exports",
    "audit_finding_changes",
    "audit_findings",
    "audit_hold",
    "audit_hold_release",
    "audit_intake",
    "audit_latest",
    "audit_leaf",
    "audit_node",
    "audit_prune_batch",
    "audit_prune_end",
    "audit_prune_run",
    "audit_pruned",
    "audit_subject_ref",
    "backup_codes",
    "bootstrap_tokens",
    "break_glass",
    "consents",
    "crypto_keys",
    "erasure_requests",
    "erasures",
    "invitations",
    "key_transitions",
    "key_usage",
    "keysets",
    "leases",
    "login_guards",
    "mail_outbox",
    "mfa_challenges",
    "passkey_challenges",
    "password_history",
    "refresh_tokens",
    "user_roles",
];
const WITHOUT_TENANT: [&str; 14] = [
    "audit_analysis",
    "audit_checkpoint",
    "audit_cosignature",
    "audit_exports",
    "audit_hold_release",
    "audit_latest",
    "audit_leaf",
    "audit_node",
    "audit_prune_batch",
    "audit_prune_end",
    "audit_prune_run",
    "audit_pruned",
    "leases",
    "organizations",
];

/// Tables that lack one of `columns`. Both databases are made from one text.
async fn lacking(world: &World, columns: &[&str]) -> Vec<String> {
    let names: Vec<String> = columns.iter().map(|name| format!("'{name}'")).collect();
    let sql = format!(
        "SELECT name FROM sqlite_master m WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'seaql_migrations' \
         AND (SELECT COUNT(*) FROM pragma_table_info(m.name) WHERE name IN ({})) < {} ORDER BY name",
        names.join(", "),
        columns.len()
    );
    let rows = world.rows(&sql).await;
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn every_table_has_mixin_and_tenant_but_those_with_a_reason() {
    let world = World::sqlite().await;
    let mixin = [
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "deleted_at",
        "deleted_by",
        "version",
    ];
    assert_eq!(lacking(&world, &mixin).await, WITHOUT_MIXIN);
    assert_eq!(lacking(&world, &["organization_id"]).await, WITHOUT_TENANT);
}
