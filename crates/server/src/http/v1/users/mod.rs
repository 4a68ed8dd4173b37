//! Administration of users.

pub(crate) mod batch;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod disable;
pub(crate) mod enable;
pub(crate) mod erase;
pub(crate) mod erasure;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod require_password_change;
pub(crate) mod reset_mfa;
pub(crate) mod restore;
pub(crate) mod revoke_sessions;
pub(crate) mod roles;
pub(crate) mod unlock;
pub(crate) mod update;
pub(crate) mod view;

use actix_web::{HttpResponse, http::header};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    User,
    user::{Profile, me::Own},
};
use vutf_kernel::Timestamp;

use crate::http::request::etag;

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserBody {
    /// Its id.
    id: Uuid,
    /// `person`, or `service` for an account of a program.
    #[schema(example = "person")]
    kind: &'static str,
    /// Unique.
    #[schema(example = "grace")]
    username: String,
    /// Unique.
    #[schema(example = "grace@example.org")]
    email: String,
    /// Whether the address was proved.
    email_verified: bool,
    /// What others see.
    display_name: Option<String>,
    /// E.164.
    phone: Option<String>,
    /// `unverified`, `active`, `locked` or `disabled`.
    #[schema(example = "active")]
    status: &'static str,
    /// Names of its roles, where one account is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<String>>,
    /// The last sign-in.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<String>,
    /// The last sign-in or use of a session, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen_at: Option<String>,
    /// Of one's own account: the sign-in before that of this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_login_at: Option<String>,
    /// Of one's own account: wrong passwords and codes since the last right one, but for those from known browsers.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_attempts: Option<i64>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<String>,
    /// Grows with each change; the `ETag` is `"v<version>"`.
    version: i64,
}

impl UserBody {
    pub(crate) fn new(user: User, roles: Option<Vec<String>>) -> Self {
        Self {
            id: user.id.as_uuid(),
            kind: user.kind.as_str(),
            username: user.username.expose().to_owned(),
            email: user.email.expose().to_owned(),
            email_verified: user.email_verified_at.is_some(),
            display_name: user.display_name.map(|name| name.expose().to_owned()),
            phone: user.phone.map(|phone| phone.expose().to_owned()),
            status: user.status.as_str(),
            roles,
            last_login_at: user.last_login_at.map(Timestamp::rfc3339),
            last_seen_at: user.last_seen_at.map(Timestamp::rfc3339),
            previous_login_at: None,
            failed_attempts: None,
            created_at: user.stamps.created_at.rfc3339(),
            updated_at: user.stamps.updated_at.rfc3339(),
            deleted_at: user.stamps.deleted_at.map(Timestamp::rfc3339),
            version: user.stamps.version,
        }
    }
}

/// 201 with the place of the new account.
pub(crate) fn made(user: User) -> HttpResponse {
    HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/v1/users/{}", user.id)))
        .insert_header(etag(user.stamps.version))
        .json(UserBody::new(user, None))
}

/// 200 with the account as it is now.
pub(crate) fn changed(user: User) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag(user.stamps.version))
        .json(UserBody::new(user, None))
}

/// 200 with the account and its roles.
pub(crate) fn profile(profile: Profile) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag(profile.user.stamps.version))
        .json(UserBody::new(profile.user, Some(profile.roles)))
}

/// 200 with one's own account, and what tells whether somebody else is at it.
pub(crate) fn own(own: Own) -> HttpResponse {
    let Profile { user, roles } = own.profile;
    let tag = etag(user.stamps.version);
    let body = UserBody {
        previous_login_at: own.previous_login_at.map(Timestamp::rfc3339),
        failed_attempts: Some(own.failed_attempts),
        ..UserBody::new(user, Some(roles))
    };
    HttpResponse::Ok().insert_header(tag).json(body)
}
