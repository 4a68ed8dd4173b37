use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    action,
    role::{assign::AssignRoles, permission},
    user::{
        batch::{BatchUsers, ItemOutcome, ItemRefused, Operation, batch},
        delete::DeleteUser,
    },
};
use vutf_kernel::UserId;

use super::{UserBody, create::CreateUserRequest, update::UpdateUserRequest};
use crate::http::{
    problem::{Problem, status_of},
    request::{Caller, IfMatch, Typed},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/users:batch",
    access: Access::Permission(permission::USERS_WRITE),
    action: action::USER_BATCH,
    rate: RateClass::Admin,
    doc: Doc::new(
        "users",
        "Do several things to users in one request: all or none, or each for itself",
    )
    .takes::<BatchRequest>()
    .answers::<BatchBody>(200)
    .refuses(&[404, 409, 412, 428]),
};

/// What is to be done, in this order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserBatchRequest)]
pub(crate) struct BatchRequest {
    /// 1 to 500; at most 20 that make an account with a password.
    operations: Vec<OperationRequest>,
    /// All of them, or none. Otherwise each for itself.
    atomic: bool,
}

/// One act; the same as by the route of its own, with the same permission.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = UserOperation)]
pub(crate) enum OperationRequest {
    /// `POST users`.
    Create {
        /// The account.
        user: CreateUserRequest,
    },
    /// `PATCH users/{id}`.
    Update {
        /// Whose.
        id: Uuid,
        /// The version that was read.
        version: Option<i64>,
        /// What to change.
        user: UpdateUserRequest,
    },
    /// `PUT users/{id}/roles`.
    AssignRoles {
        /// Whose.
        id: Uuid,
        /// The version that was read.
        version: Option<i64>,
        /// All roles that the user is to have.
        roles: Vec<String>,
    },
    /// `DELETE users/{id}`.
    Delete {
        /// Whose.
        id: Uuid,
        /// The version that was read.
        version: Option<i64>,
    },
    /// `POST users/{id}/restore`.
    Restore {
        /// Whose.
        id: Uuid,
    },
    /// `POST users/{id}/lock`.
    Lock {
        /// Whose.
        id: Uuid,
    },
    /// `POST users/{id}/unlock`.
    Unlock {
        /// Whose.
        id: Uuid,
    },
    /// `POST users/{id}/disable`.
    Disable {
        /// Whose.
        id: Uuid,
    },
    /// `POST users/{id}/enable`.
    Enable {
        /// Whose.
        id: Uuid,
    },
    /// `POST users/{id}/revoke-sessions`.
    RevokeSessions {
        /// Whose.
        id: Uuid,
    },
    /// `POST users/{id}/require-password-change`.
    RequirePasswordChange {
        /// Whose.
        id: Uuid,
    },
}

/// What became of each.
#[derive(Serialize, ToSchema)]
#[schema(as = UserBatchResult)]
pub(crate) struct BatchBody {
    /// In the order of the operations.
    results: Vec<ResultBody>,
}

/// What became of one.
#[derive(Serialize, ToSchema)]
#[schema(as = UserOperationResult)]
pub(crate) struct ResultBody {
    /// What its own route would have answered with.
    #[schema(example = 200)]
    status: u16,
    /// The account as it is now, if it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserBody>,
    /// The code of the refusal, if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "VUTF_USER_NOT_FOUND")]
    code: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Typed<BatchRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    let done = batch(&caller, &state.identity, command).await?;
    let results = done.into_iter().map(ResultBody::from).collect();
    Ok(HttpResponse::Ok().json(BatchBody { results }))
}

impl BatchRequest {
    fn command(self) -> Result<BatchUsers, Problem> {
        let operations = self.operations.into_iter().enumerate();
        let operations = operations.map(|(index, operation)| {
            let parsed = operation.parse();
            parsed.map_err(|problem| problem.under(&format!("/operations/{index}/user")))
        });
        Ok(BatchUsers {
            operations: operations.collect::<Result<_, _>>()?,
            atomic: self.atomic,
        })
    }
}

impl OperationRequest {
    fn parse(self) -> Result<Operation, Problem> {
        let user = UserId::from_uuid;
        Ok(match self {
            Self::Create { user } => Operation::Create(Box::new(user.command()?)),
            Self::Update { id, version, user } => {
                let command = user.command(UserId::from_uuid(id), IfMatch(version))?;
                Operation::Update(Box::new(command))
            }
            Self::AssignRoles { id, version, roles } => Operation::AssignRoles(AssignRoles {
                user_id: user(id),
                expected_version: version,
                roles,
            }),
            Self::Delete { id, version } => Operation::Delete(DeleteUser {
                user_id: user(id),
                expected_version: version,
            }),
            Self::Restore { id } => Operation::Restore(user(id)),
            Self::Lock { id } => Operation::Lock(user(id)),
            Self::Unlock { id } => Operation::Unlock(user(id)),
            Self::Disable { id } => Operation::Disable(user(id)),
            Self::Enable { id } => Operation::Enable(user(id)),
            Self::RevokeSessions { id } => Operation::RevokeSessions(user(id)),
            Self::RequirePasswordChange { id } => Operation::RequirePasswordChange(user(id)),
        })
    }
}

impl From<ItemOutcome> for ResultBody {
    fn from(outcome: ItemOutcome) -> Self {
        match outcome {
            Ok(user) => Self {
                status: 200,
                user: Some(UserBody::new(user, None)),
                code: None,
                detail: None,
            },
            Err(refused) => Self::refused(&refused),
        }
    }
}

impl ResultBody {
    fn refused(refused: &ItemRefused) -> Self {
        Self {
            status: status_of(refused.class()).as_u16(),
            user: None,
            code: Some(format!("VUTF_{}", refused.code().to_uppercase())),
            detail: Some(refused.to_string()),
        }
    }
}
