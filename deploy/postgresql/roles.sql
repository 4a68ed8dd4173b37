-- Two roles instead of one: the owner migrates, the service works. Run as the owner of the schema, after `violentutf-api migrate up`
-- and again after each later one (new tables get their rights from the last lines):
--
--     psql "$OWNER_URL" --set=ON_ERROR_STOP=1 --single-transaction --file=roles.sql
--
-- `vutf_app` is the role in VUTF__DATABASE__URL of the service. Make it first, with a password of its own:
--
--     CREATE ROLE vutf_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD '…';
--
-- What it cannot do then, whatever happens to the service: change or remove an audit record, but for entries that the functions
-- below let go (old enough, held by nobody, each named by an event); switch a trigger off; make, change or drop a table.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM vutf_app;
GRANT USAGE ON SCHEMA public TO vutf_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vutf_app;

-- Ordinary tables.
GRANT SELECT, INSERT, UPDATE, DELETE ON
    account_links, api_keys, approvals, audit_alerts, audit_analysis, audit_exports, audit_latest, audit_rules, backup_codes,
    bootstrap_tokens, break_glass, consents, crypto_keys, custom_roles, erasure_requests, invitations, key_jobs, key_usage, keysets, leases, login_guards, mail_outbox, mfa_challenges,
    organizations, passkey_challenges, passkeys, password_history, passwords, policies, refresh_families, refresh_tokens, sessions, totp_factors, user_roles, users
    TO vutf_app;

-- Tables that only grow.
GRANT SELECT, INSERT ON
    audit_checkpoint, audit_cosignature, audit_finding_changes, audit_findings, audit_hold, audit_hold_release, audit_intake,
    audit_leaf, audit_node, audit_prune_batch, audit_prune_end, audit_prune_run, audit_pruned, audit_subject_ref, erasures,
    key_transitions
    TO vutf_app;

-- Which migrations there are: the start refuses a schema that it does not know.
GRANT SELECT ON seaql_migrations TO vutf_app;

-- The only ways past the grants above.
GRANT EXECUTE ON FUNCTION vutf_prune(UUID), vutf_make_months(BIGINT, INTEGER), vutf_drop_empty_months() TO vutf_app;
