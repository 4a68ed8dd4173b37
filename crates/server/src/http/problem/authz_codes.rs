//! The stable codes of policies, of what takes two persons, and of the way in for emergencies, by status.

use super::code::{Code, code};

/// Of authorisation.
pub(super) const AUTHORIZATION: &[Code] = &[
    code(
        "break_glass_reason",
        400,
        "Say why",
        "A reason has 1 to 200 bytes and no control characters.",
    ),
    code(
        "unknown_permission",
        400,
        "There is no such permission",
        "See `GET /api/v1/permissions`.",
    ),
    code(
        "break_glass_refused",
        401,
        "The glass stays whole",
        "The name or the secret is wrong, or it was used before. The operator seals the account anew: `violentutf-api user break-glass`.",
    ),
    code(
        "forbidden_by_policy",
        403,
        "A policy forbids it",
        "Ask why: `POST /api/v1/authz/explain`. Prove more, or come from elsewhere or at another time, as the policy asks.",
    ),
    code(
        "policy_not_found",
        404,
        "There is no such policy",
        "List them: `GET /api/v1/policies`.",
    ),
    code(
        "role_not_found",
        404,
        "There is no such role",
        "List them: `GET /api/v1/roles`.",
    ),
    code(
        "role_name_taken",
        409,
        "There is a role of this name",
        "Change that one, or choose another name.",
    ),
    code(
        "role_built_in",
        409,
        "The role is the same in every organization",
        "Make a role of your own, and give it in its place.",
    ),
    code(
        "role_held",
        409,
        "Accounts hold the role",
        "Take it from them first: `PUT /api/v1/users/{id}/roles`. Deleted and barred accounts count, since they may come back.",
    ),
    code(
        "too_many_roles",
        409,
        "There are too many roles",
        "Delete one that nobody holds.",
    ),
    code(
        "policy_locks_out",
        409,
        "The policy would lock you out",
        "You, as you are signed in now, could not change policies any more. Except yourself, or fulfil what it asks first.",
    ),
    code(
        "second_person_needed",
        409,
        "It takes two persons",
        "Make the account without the role `super_admin`, then ask for it: `PUT /api/v1/users/{id}/roles`; another person approves.",
    ),
    code(
        "second_person_alone",
        409,
        "Ask for this by itself",
        "What takes two persons is asked for alone: leave every other change to a request of its own.",
    ),
    code(
        "requester_barred",
        409,
        "Whoever asked may not do it any more",
        "Both persons must hold the right when it is done. Somebody who holds it asks again.",
    ),
    code(
        "too_many_policies",
        409,
        "There are too many policies",
        "Delete one, or join two.",
    ),
];
