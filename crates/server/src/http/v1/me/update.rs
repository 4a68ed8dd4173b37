use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    DisplayName, Phone, action,
    user::me::{self, UpdateMe},
};

use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, IfMatch, Json, Member},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::users::{UserBody, changed},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Patch,
    path: "/api/v1/me",
    access: Access::Session,
    action: action::USER_UPDATE,
    rate: RateClass::Default,
    doc: Doc::new("me", "Change one's own account")
        .takes::<UpdateMeRequest>()
        .answers::<UserBody>(200)
        .tagged()
        .conditional(),
};

/// What to change; an absent member is left as it is, `null` removes the value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMeRequest {
    /// What others see.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, example = "Grace Hopper")]
    display_name: Member<String>,
    /// E.164.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, example = "+12025550123")]
    phone: Member<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    version: IfMatch,
    body: Json<UpdateMeRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command(version)?;
    Ok(changed(me::update(&caller, &state.identity, command).await?))
}

impl UpdateMeRequest {
    fn command(self, version: IfMatch) -> Result<UpdateMe, Problem> {
        let mut fields = Fields::default();
        let display_name = fields.take_change("/display_name", &self.display_name, DisplayName::parse);
        let phone = fields.take_change("/phone", &self.phone, Phone::parse);
        fields.check()?;
        Ok(UpdateMe {
            expected_version: version.0,
            display_name,
            phone,
        })
    }
}
