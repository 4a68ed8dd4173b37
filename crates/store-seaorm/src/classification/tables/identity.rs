//! Tables of accounts, their proofs and their sessions.

use crate::classification::{
    ColumnClass::{
        Count, Hash, Id, Index, IndexVersion, Mac, Pseudonym, Sealed, SealedElsewhere, Time, Tolerated, Word,
    },
    ColumnClasses,
};

/// Each table and its columns.
pub(super) const TABLES: &[(&str, ColumnClasses)] = &[
    (
        "organizations",
        stamped![("id", Id), ("name", Tolerated("a tenant's name, not a person's"))],
    ),
    (
        "users",
        stamped![
            ("id", Pseudonym),
            ("organization_id", Id),
            ("kind", Word),
            ("username_ct", Sealed),
            ("username_bidx", Index),
            ("username_bidx_ver", IndexVersion),
            ("email_ct", Sealed),
            ("email_bidx", Index),
            ("email_bidx_ver", IndexVersion),
            ("display_name_ct", Sealed),
            ("phone_ct", Sealed),
            ("status", Word),
            ("email_verified_at", Time),
            ("epoch", Count),
            ("last_login_at", Time),
            ("last_seen_at", Time),
            ("inactivity_told_at", Time),
            ("erased_at", Time),
            ("pii_mac", Mac),
            ("row_mac", Mac),
        ],
    ),
    (
        "passwords",
        stamped![
            ("user_id", Pseudonym),
            ("organization_id", Id),
            ("phc_ct", Sealed),
            ("changed_at", Time),
            ("must_change_at", Time),
            ("beside_factor", Word),
            ("row_mac", Mac),
        ],
    ),
    (
        "password_history",
        columns! { Id "id" "organization_id"; Pseudonym "user_id"; Sealed "phc_ct"; Time "replaced_at"; },
    ),
    (
        "totp_factors",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("secret_ct", Sealed),
            ("confirmed_at", Time),
            ("last_step", Count),
            ("row_mac", Mac),
        ],
    ),
    (
        "backup_codes",
        &[
            ("user_id", Pseudonym),
            ("code_mac", Mac),
            ("organization_id", Id),
            ("created_at", Time),
        ],
    ),
    (
        "mfa_challenges",
        &[
            ("challenge_hash", Hash),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("epoch", Count),
            ("password_changed_at", Time),
            ("expires_at", Time),
            ("created_at", Time),
        ],
    ),
    (
        "passkeys",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("credential_id", Id),
            ("public_key", Id),
            ("name_ct", Sealed),
            ("transports", Word),
            ("sign_count", Count),
            ("backup_eligible", Word),
            ("backed_up", Word),
            ("password_changed_at", Time),
            ("last_used_at", Time),
            ("row_mac", Mac),
        ],
    ),
    (
        "passkey_challenges",
        columns! {
            Hash "challenge_hash"; Id "organization_id" "session_id"; Word "purpose"; Pseudonym "user_id";
            Time "expires_at" "created_at";
        },
    ),
    (
        "api_keys",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("lookup", Id),
            ("secret_hash", Hash),
            ("name_ct", Sealed),
            ("scopes", Word),
            ("networks_ct", Sealed),
            ("expires_at", Time),
            ("revoked_at", Time),
            ("successor_id", Id),
            ("last_used_at", Time),
            ("last_used_ip_ct", Sealed),
            ("row_mac", Mac),
        ],
    ),
    (
        "account_links",
        columns! {
            Id "id" "organization_id"; Pseudonym "user_id"; Word "purpose"; Hash "link_hash"; Sealed "address_ct";
            Time "expires_at" "created_at"; Mac "row_mac";
        },
    ),
    (
        "invitations",
        columns! {
            Id "id" "organization_id"; Hash "token_hash"; Sealed "email_ct"; Mac "email_tag" "row_mac"; Word "roles";
            Time "expires_at" "created_at"; Pseudonym "created_by";
        },
    ),
    (
        "mail_outbox",
        columns! {
            Id "id" "organization_id" "request_id"; Pseudonym "user_id"; Word "kind"; Sealed "content_ct"; Count "attempts";
            Time "due_at" "expires_at" "created_at";
        },
    ),
    (
        "consents",
        columns! {
            Id "organization_id"; Pseudonym "user_id"; Word "document" "document_version"; Time "accepted_at"; Mac "row_mac";
        },
    ),
    (
        "erasure_requests",
        columns! {
            Pseudonym "user_id"; Id "organization_id"; Hash "receipt_hash"; Time "requested_at" "due_at" "done_at";
            Mac "row_mac";
        },
    ),
    (
        "user_roles",
        &[
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("role", Word),
            ("granted_at", Time),
            ("granted_by", Pseudonym),
        ],
    ),
    (
        "login_guards",
        &[
            ("organization_id", Id),
            ("account", Hash),
            ("authenticator", Word),
            ("user_id", Pseudonym),
            ("failures", Count),
            ("blocked_until", Time),
            ("updated_at", Time),
        ],
    ),
    (
        "bootstrap_tokens",
        &[
            ("organization_id", Id),
            ("token_hash", Hash),
            ("created_at", Time),
            ("used_at", Time),
        ],
    ),
    (
        "sessions",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("epoch", Count),
            ("aal", Word),
            ("amr", Word),
            ("auth_time", Time),
            ("ip_ct", Sealed),
            ("user_agent_ct", Sealed),
            ("last_seen_at", Time),
            ("expires_at", Time),
            ("idle_expires_at", Time),
            ("cookie_hash", Hash),
            ("network_tag", Hash),
            ("browser_tag", Hash),
            ("moved_at", Time),
            ("previous_login_at", Time),
            ("password_due_at", Time),
            ("revoked_at", Time),
            ("revoke_reason", Word),
        ],
    ),
    (
        "refresh_families",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("session_id", Id),
            ("user_id", Pseudonym),
            ("generation", Count),
            ("idle_expires_at", Time),
            ("expires_at", Time),
            ("revoked_at", Time),
        ],
    ),
    (
        "refresh_tokens",
        &[
            ("token_hash", Hash),
            ("organization_id", Id),
            ("family_id", Id),
            ("generation", Count),
            ("used_at", Time),
            ("successor_ct", SealedElsewhere),
            ("created_at", Time),
        ],
    ),
];
