use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::{
    DisplayName, Email, Username, action,
    password::{
        Strength,
        strength::{Assess, assess},
    },
};
use vutf_kernel::Secret;

use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/password/strength",
    access: Access::Anonymous,
    action: action::PASSWORD_ASSESS,
    rate: RateClass::PasswordStrength,
    doc: Doc::new(
        "auth",
        "See how strong a password would be, and whether it would be accepted",
    )
    .takes::<StrengthRequest>()
    .answers::<StrengthBody>(200),
};

/// A password that somebody thinks of. Nothing of it is kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StrengthRequest {
    /// The password.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
    /// The name of the account, which is guessed first.
    #[schema(example = "grace")]
    username: Option<String>,
    /// Its address.
    #[schema(example = "grace@example.org")]
    email: Option<String>,
    /// What others see.
    #[schema(example = "Grace Hopper")]
    display_name: Option<String>,
}

/// How strong it would be.
#[derive(Serialize, ToSchema)]
#[schema(as = PasswordStrength)]
pub(crate) struct StrengthBody {
    /// From 0 (too guessable) to 4 (very unguessable), by zxcvbn. It is advice: `accepted` decides.
    #[schema(minimum = 0, maximum = 4, example = 4)]
    score: u8,
    /// The decimal logarithm of the number of guesses that are needed.
    #[schema(example = 15.3)]
    guesses_log10: f64,
    /// What makes it weak.
    warning: Option<String>,
    /// What would make it stronger.
    suggestions: Vec<String>,
    /// Whether it would be accepted.
    accepted: bool,
    /// Why not.
    refusal: Option<RefusalBody>,
}

/// Why a password would be refused.
#[derive(Serialize, ToSchema)]
#[schema(as = PasswordRefusal)]
pub(crate) struct RefusalBody {
    /// A stable word.
    #[schema(example = "password_common")]
    code: &'static str,
    /// For the person who typed it.
    detail: String,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<StrengthRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    let found = assess(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(StrengthBody::from(found)))
}

impl StrengthRequest {
    fn command(self) -> Result<Assess, Problem> {
        let mut fields = Fields::default();
        let username = self.username.as_deref().map(Username::parse);
        let email = self.email.as_deref().map(Email::parse);
        let display_name = self.display_name.as_deref().map(DisplayName::parse);
        let username = username.and_then(|parsed| fields.take("/username", parsed));
        let email = email.and_then(|parsed| fields.take("/email", parsed));
        let display_name = display_name.and_then(|parsed| fields.take("/display_name", parsed));
        fields.check()?;
        Ok(Assess {
            password: self.password,
            username,
            email,
            display_name,
        })
    }
}

impl From<Strength> for StrengthBody {
    fn from(found: Strength) -> Self {
        Self {
            score: found.score,
            guesses_log10: found.guesses_log10,
            warning: found.warning,
            suggestions: found.suggestions,
            accepted: found.refusal.is_none(),
            refusal: found.refusal.map(|refusal| RefusalBody {
                code: refusal.code,
                detail: refusal.detail,
            }),
        }
    }
}
