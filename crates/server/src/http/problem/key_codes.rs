//! The stable codes of API keys, by status.

use super::code::{Code, code};

/// Of keys, and of whoever presents one.
pub(super) const API_KEYS: &[Code] = &[
    code(
        "unknown_scope",
        400,
        "A scope is missing or unknown",
        "Name at least one of `GET /api/v1/permissions`.",
    ),
    code(
        "too_many_networks",
        400,
        "There are too many networks",
        "Name at most 16.",
    ),
    code(
        "api_key_lifetime",
        400,
        "The key would live too long, or not at all",
        "Ask for 1 s to `identity.api_keys.max_ttl`, or leave it out.",
    ),
    code(
        "api_key_overlap",
        400,
        "The old key would live on for too long",
        "Ask for 0 s to `identity.api_keys.max_overlap`, or leave it out.",
    ),
    code(
        "invalid_api_key",
        401,
        "The API key is not valid",
        "Check that it is whole, live and used from where it may be; else make another.",
    ),
    code(
        "several_credentials",
        401,
        "There is more than one credential",
        "Send either `X-API-Key` or `Authorization`, once.",
    ),
    code(
        "session_needed",
        403,
        "This is for a person in a session",
        "An API key cannot do this; sign in.",
    ),
    code(
        "owner_is_a_person",
        403,
        "The account is a person's",
        "Let them make the key: `POST /api/v1/me/api-keys`; or make a service account.",
    ),
    code(
        "scopes_exceed_owner",
        403,
        "The account does not hold every scope",
        "Ask for fewer scopes, or give the account the roles.",
    ),
    code(
        "api_key_not_found",
        404,
        "There is no such API key",
        "Check the id.",
    ),
    code(
        "too_many_api_keys",
        409,
        "The account has as many live keys as it may",
        "Revoke one that is not used.",
    ),
    code("api_key_ended", 409, "The key has ended", "Make another."),
    code(
        "api_key_rotated",
        409,
        "The key was rotated before",
        "Rotate its successor.",
    ),
];
