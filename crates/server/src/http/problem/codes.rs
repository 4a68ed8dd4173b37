//! Every stable code, in one table. `docs/api/error-codes.md` is generated from it.

use std::borrow::Cow;

use actix_web::http::StatusCode;

use super::{
    code::{Code, code, generic, joined},
    key_codes::API_KEYS,
};

/// All codes.
pub const CODES: &[Code] = &joined::<{ TABLE.len() + API_KEYS.len() }>(TABLE, API_KEYS);

/// By status; those of one subject may have a file of their own.
const TABLE: &[Code] = &[
    generic(
        "bad_request",
        400,
        "The request cannot be understood",
        "Compare the request with the API document.",
    ),
    code(
        "invalid_json",
        400,
        "The body is not JSON",
        "Send one JSON document (RFC 8259).",
    ),
    code(
        "invalid_utf8",
        400,
        "The body is not UTF-8",
        "Encode the body in UTF-8.",
    ),
    code(
        "json_too_deep",
        400,
        "The JSON nests too deeply",
        "Nest less deeply.",
    ),
    code(
        "json_too_many_keys",
        400,
        "The JSON has too many keys",
        "Send fewer keys.",
    ),
    code(
        "json_string_too_long",
        400,
        "A JSON string is too long",
        "Shorten the string.",
    ),
    code(
        "duplicate_key",
        400,
        "A JSON key occurs twice",
        "Send each key once.",
    ),
    code(
        "unknown_field",
        400,
        "A field is not known here",
        "Remove the field.",
    ),
    code("missing_field", 400, "A field is missing", "Add the field."),
    code(
        "wrong_type",
        400,
        "A field has the wrong type",
        "Send the type that the API document names.",
    ),
    code("invalid_value", 400, "A value is not acceptable", "See `errors`."),
    code(
        "invalid_password",
        400,
        "The password is not acceptable",
        "See `errors`.",
    ),
    code(
        "invalid_key_name",
        400,
        "A key cannot have this name",
        "Use 1 to 63 of a-z, 0-9, `_` and `-`.",
    ),
    code(
        "number_of_items",
        400,
        "Too many items, or none",
        "Send 1 to 100.",
    ),
    code(
        "invalid_parameter",
        400,
        "A parameter of the path is malformed",
        "Use an id that the API gave you.",
    ),
    code(
        "invalid_query",
        400,
        "A query parameter is malformed",
        "See `errors`.",
    ),
    code(
        "unknown_query_parameter",
        400,
        "A query parameter is not known here",
        "Remove the parameter.",
    ),
    code(
        "query_value_too_long",
        400,
        "A query value is too long",
        "Shorten the value.",
    ),
    code(
        "invalid_cursor",
        400,
        "The cursor was not given out by this list",
        "Start again without a cursor.",
    ),
    code(
        "invalid_if_match",
        400,
        "`If-Match` is malformed",
        "Send the `ETag` that you were given.",
    ),
    code(
        "unknown_role",
        400,
        "There is no such role",
        "`GET /api/v1/roles` lists them.",
    ),
    code(
        "unsupported_version",
        400,
        "There is no such version of the API",
        "Use one of `supported_versions`.",
    ),
    code(
        "not_rotatable",
        400,
        "Keys of this purpose cannot be rotated here",
        "Rotate a token-signing or field key.",
    ),
    code(
        "not_creatable",
        400,
        "Keys of this purpose are not made by hand",
        "Make encrypt:NAME, hmac:NAME or sign:NAME, or the next version of a key that is there.",
    ),
    code(
        "past_end",
        400,
        "The end of the cryptoperiod is over",
        "Send a time in the future.",
    ),
    code(
        "minimum_version",
        400,
        "No such minimum version",
        "Send 1 up to the version that protects.",
    ),
    code(
        "no_limit_of_use",
        400,
        "Keys of this purpose have no limit of use",
        "Leave `limit` out: such keys are rotated by hand, and the service would stop at it.",
    ),
    code(
        "unfit_note",
        400,
        "The note cannot be kept",
        "Send 1 to 200 bytes without control characters.",
    ),
    code(
        "nothing_sealed",
        400,
        "Nothing is protected by such a key",
        "`GET /api/v1/keys` lists the keys.",
    ),
    code(
        "append_only",
        400,
        "What the key protects is never changed",
        "Keep the key, deactivated, for reading.",
    ),
    code(
        "wrong_mfa_code",
        400,
        "The code is not right",
        "Send what the app shows now; compare the clock of its device.",
    ),
    generic(
        "unauthenticated",
        401,
        "Credentials are needed",
        "Sign in and send `Authorization: Bearer …`.",
    ),
    code(
        "invalid_credentials",
        401,
        "The sign-in was refused",
        "Check name and password; wait if you tried often.",
    ),
    code(
        "invalid_token",
        401,
        "The access token is not valid",
        "Refresh it or sign in again.",
    ),
    code(
        "invalid_grant",
        401,
        "The refresh token is not valid",
        "Sign in again.",
    ),
    code(
        "token_expired",
        401,
        "The access token has expired",
        "Refresh it.",
    ),
    code("session_ended", 401, "The session has ended", "Sign in again."),
    code("not_signed_in", 401, "There is no session", "Sign in first."),
    code(
        "invalid_challenge",
        401,
        "The challenge is not valid",
        "Sign in again, from the password on.",
    ),
    code(
        "invalid_mfa_code",
        401,
        "The second factor was refused",
        "Send a code that was not used before; wait if you tried often.",
    ),
    code(
        "reauthentication_refused",
        401,
        "This does not prove who you are",
        "Check what you typed; send a code that was not used before; wait if you tried often.",
    ),
    code(
        "insufficient_user_authentication",
        401,
        "The session has not proved enough, or not lately",
        "`POST /api/v1/auth/step-up`, then repeat the request. `WWW-Authenticate` says what is asked for (RFC 9470).",
    ),
    code(
        "bootstrap_token",
        401,
        "The bootstrap secret is wrong",
        "Read it from the data directory.",
    ),
    generic(
        "forbidden",
        403,
        "You may not do this",
        "Ask an administrator for the permission.",
    ),
    code(
        "csrf_refused",
        403,
        "The token beside the cookie is missing or not right",
        "Get one from `GET /api/v1/auth/csrf` and send it as `X-CSRF-Token`.",
    ),
    code(
        "foreign_origin",
        403,
        "The request comes from a page of another origin",
        "Serve the page from the same origin as the API, or use access tokens.",
    ),
    code(
        "permission_denied",
        403,
        "A permission is missing",
        "Ask an administrator for it.",
    ),
    code(
        "registration_closed",
        403,
        "Registration is closed",
        "Ask an administrator for an account.",
    ),
    code(
        "own_account",
        403,
        "You cannot do this to your own account",
        "Ask another administrator.",
    ),
    code(
        "exceeds_own_rights",
        403,
        "This goes beyond your own rights",
        "Ask somebody who holds those rights.",
    ),
    code(
        "wrong_password",
        403,
        "The present password is not right",
        "Type the password that you sign in with.",
    ),
    code(
        "too_many_guesses",
        403,
        "Too many wrong passwords",
        "Wait, or ask an administrator to unlock the account.",
    ),
    code(
        "same_person",
        403,
        "Another person must approve this",
        "Ask another holder of keys:manage.",
    ),
    code(
        "not_a_person",
        403,
        "Only a person can decide this",
        "Sign in as a person.",
    ),
    generic("not_found", 404, "There is no such thing", "Check the id."),
    code(
        "no_cookie_session",
        409,
        "This session is not held by a cookie",
        "Send requests with an access token as they are.",
    ),
    code(
        "not_sequenced",
        409,
        "The event has no place in a signed tree yet",
        "Try again in a moment.",
    ),
    code(
        "tree_sizes",
        400,
        "Nothing can be proved between these sizes",
        "Take sizes from 1 up to that of the newest checkpoint, the smaller one first.",
    ),
    code("user_not_found", 404, "There is no such user", "Check the id."),
    code(
        "erasure_not_found",
        404,
        "Nobody was erased under this id",
        "Check the id.",
    ),
    code(
        "session_not_found",
        404,
        "There is no such session",
        "Check the id.",
    ),
    code(
        "key_not_found",
        404,
        "There is no such key for this use",
        "Check name and use; ask a key custodian to make it.",
    ),
    code(
        "request_not_found",
        404,
        "There is no such request",
        "`GET /api/v1/keys/requests` lists them.",
    ),
    code(
        "finding_not_found",
        404,
        "There is no such finding",
        "`GET /api/v1/audit/findings` lists them.",
    ),
    code(
        "rule_not_found",
        404,
        "There is no such detection rule",
        "`GET /api/v1/audit/rules` lists them.",
    ),
    code("unknown_route", 404, "There is no such route", "See `/docs`."),
    generic(
        "method_not_allowed",
        405,
        "The route does not know this method",
        "Use one of `Allow`.",
    ),
    generic(
        "not_acceptable",
        406,
        "No representation is acceptable to you",
        "Accept `application/json`.",
    ),
    generic(
        "request_timeout",
        408,
        "The request came too slowly",
        "Send it again.",
    ),
    generic(
        "conflict",
        409,
        "It clashes with the present state",
        "Read the present state.",
    ),
    code(
        "mfa_not_enrolled",
        409,
        "There is no second factor",
        "Make one: `POST /api/v1/me/mfa/totp`.",
    ),
    code(
        "no_mfa_enrolment",
        409,
        "No second factor waits to be confirmed",
        "Make one: `POST /api/v1/me/mfa/totp`. It waits for ten minutes.",
    ),
    code(
        "mfa_demanded_by_role",
        409,
        "A role of the account demands a second factor",
        "Put another into its place: `POST /api/v1/me/mfa/totp`, then confirm it.",
    ),
    code(
        "second_factor_demanded",
        409,
        "This account proves itself with its second factor",
        "Send a code in the place of the password.",
    ),
    code(
        "identity_taken",
        409,
        "Username or e-mail address is taken",
        "Choose others, or sign in.",
    ),
    code(
        "account_state",
        409,
        "The account's state does not allow this",
        "Read the account's `status`.",
    ),
    code(
        "last_super_admin",
        409,
        "The last super administrator must stay",
        "Make another one first.",
    ),
    code(
        "rotated_meanwhile",
        409,
        "The key was rotated at the same time",
        "Read the key; rotate again only if you must.",
    ),
    code(
        "export_gap",
        409,
        "The audit log does not go on from there",
        "Run `violentutf-api audit verify`; begin anew with `from_seq` once it is known why.",
    ),
    code(
        "changed_meanwhile",
        409,
        "It was changed at the same time",
        "Read it again.",
    ),
    code(
        "key_exists",
        409,
        "There is such a key already",
        "Rotate it, or make the next version with `activate: false`.",
    ),
    code(
        "key_in_use",
        409,
        "The service needs this key",
        "Rotate it instead: without it nobody signs in, or no row is written, on every replica at once.",
    ),
    code(
        "superseded",
        409,
        "A newer version of the key is active",
        "Read the newer version.",
    ),
    code(
        "no_such_transition",
        409,
        "The key's state does not allow this",
        "Read the key's `state`.",
    ),
    code(
        "still_protects",
        409,
        "Something would be lost with the key",
        "Have it written anew first.",
    ),
    code(
        "key_active",
        409,
        "The key is active",
        "Rotate or deactivate it first.",
    ),
    code(
        "still_wraps",
        409,
        "The tenant key still wraps other keys",
        "Start a `rewrap` job and wait for its end.",
    ),
    code(
        "key_settling",
        409,
        "Replicas may still use the key",
        "Try again after the time that `detail` names.",
    ),
    code(
        "request_open",
        409,
        "Somebody has asked for it already",
        "`GET /api/v1/keys/requests` shows it.",
    ),
    code("request_expired", 409, "The request has expired", "Ask again."),
    code(
        "request_void",
        409,
        "What the request is about was changed",
        "Ask again.",
    ),
    code(
        "request_decided",
        409,
        "The request is decided",
        "Read the request.",
    ),
    code(
        "job_under_way",
        409,
        "A job that does the same is under way",
        "`GET /api/v1/keys/jobs` shows it; resume or cancel it.",
    ),
    code(
        "hold_released",
        409,
        "The hold is released already",
        "`GET /api/v1/audit/holds` tells when and by whom.",
    ),
    code(
        "retention_disabled",
        409,
        "Nothing is pruned",
        "Set `audit.retention.enabled`, or ask with `dry_run`.",
    ),
    code(
        "run_under_way",
        409,
        "A run is under way",
        "`GET /api/v1/audit/retention/runs` shows it.",
    ),
    code(
        "job_state",
        409,
        "The job's state does not allow this",
        "Read the job's `state`.",
    ),
    code(
        "finding_status",
        409,
        "The finding's status does not allow this",
        "Read the finding's `status`.",
    ),
    code(
        "no_active_key",
        409,
        "No version of the key is active",
        "Ask a key custodian to rotate it.",
    ),
    code(
        "key_exhausted",
        409,
        "The key has reached its limit of use",
        "Ask a key custodian to rotate it.",
    ),
    code(
        "authenticator_disabled",
        409,
        "The password was disabled",
        "Set it anew.",
    ),
    code(
        "bootstrap_used",
        409,
        "The first administrator exists",
        "Sign in.",
    ),
    generic(
        "stale_version",
        412,
        "The resource has changed",
        "Read it again and send its `ETag`.",
    ),
    generic("body_too_large", 413, "The body is too large", "Send less."),
    generic("uri_too_long", 414, "The URI is too long", "Shorten the query."),
    generic(
        "unsupported_media_type",
        415,
        "The body's type is not supported",
        "Send `application/json`.",
    ),
    code(
        "unsupported_encoding",
        415,
        "The body's encoding is not supported",
        "Send it without `Content-Encoding`.",
    ),
    generic(
        "expectation_failed",
        417,
        "The expectation cannot be met",
        "Send no `Expect`.",
    ),
    generic(
        "unprocessable",
        422,
        "The request cannot be processed",
        "See `detail`.",
    ),
    generic(
        "precondition_required",
        428,
        "Say which version you read",
        "Send `If-Match` with the `ETag`.",
    ),
    generic(
        "rate_limited",
        429,
        "Too many requests",
        "Wait as long as `Retry-After` says.",
    ),
    generic(
        "headers_too_large",
        431,
        "The header is too large",
        "Send a smaller header.",
    ),
    generic(
        "internal",
        500,
        "The service failed",
        "Try again; name the `request_id` if it stays.",
    ),
    generic(
        "unavailable",
        503,
        "The service cannot answer now",
        "Try again after `Retry-After`.",
    ),
    code(
        "busy",
        503,
        "Too many sign-ins at once",
        "Try again after `Retry-After`.",
    ),
    code(
        "timeout",
        503,
        "The answer took too long",
        "Try again after `Retry-After`.",
    ),
    code(
        "shutting_down",
        503,
        "The service is shutting down",
        "Try again after `Retry-After`.",
    ),
];

/// The title of a code; a code that is missing in the table is shown by the title of its status.
pub(super) fn title(name: &str, status: StatusCode) -> Cow<'static, str> {
    let by_name = CODES.iter().find(|code| code.name == name);
    let by_status = || {
        CODES
            .iter()
            .find(|code| code.status == status.as_u16() && code.generic)
    };
    by_name
        .or_else(by_status)
        .map_or(Cow::Borrowed("The request was refused"), |code| {
            Cow::Borrowed(code.title)
        })
}
