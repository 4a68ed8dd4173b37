use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::{
    action,
    passkey::{
        Registration, Transport,
        register::{RegisterPasskey, register},
    },
};

use super::super::{
    super::{OtherSessionsBody, texts},
    PasskeyBody, name,
};
use crate::http::{
    cookies,
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::auth::passkey::Parts,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/mfa/passkeys/register/finish",
    access: Access::Session,
    action: action::PASSKEY_REGISTER,
    rate: RateClass::Default,
    doc: Doc::new("me", "Add the passkey that an authenticator made")
        .takes::<FinishRequest>()
        .answers::<RegisteredBody>(201)
        .refuses(&[409]),
};

/// What an authenticator made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegisterPasskeyRequest)]
pub(crate) struct FinishRequest {
    /// How its owner calls it; 1 to 64 characters.
    #[schema(example = "phone")]
    name: String,
    /// As the browser made it.
    credential: CredentialBody,
}

/// `RegistrationResponseJSON`: what `toJSON` makes of the answer to `navigator.credentials.create`. Members that are not named
/// here are skipped: browsers add some.
#[derive(Deserialize, ToSchema)]
#[schema(as = RegistrationResponse)]
pub(crate) struct CredentialBody {
    /// The credential's id; base64url.
    id: String,
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    kind: String,
    /// What was answered.
    response: AttestationBody,
}

/// `AuthenticatorAttestationResponseJSON`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthenticatorAttestationResponse)]
pub(crate) struct AttestationBody {
    /// Base64url.
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    /// Base64url.
    attestation_object: String,
    /// How the authenticator is reached; what is not known is skipped.
    #[serde(default)]
    #[schema(example = json!(["internal", "hybrid"]))]
    transports: Vec<String>,
}

/// A passkey that counts.
#[derive(Serialize, ToSchema)]
#[schema(as = PasskeyRegistered)]
pub(crate) struct RegisteredBody {
    /// It.
    passkey: PasskeyBody,
    /// New backup codes, shown here and nowhere else, if it is the first factor; each is good once.
    #[schema(example = json!(["0123-4567-89ab-cdef"]))]
    backup_codes: Vec<String>,
    /// Sessions from before: they go on, and may not do what asks for the factor until they prove it.
    other_sessions: OtherSessionsBody,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<FinishRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    let registered = register(&caller, &state.identity, command).await?;
    let mut answer = HttpResponse::Created();
    if let Some((cookie, ends)) = &registered.cookie {
        cookies::give(&state, &mut answer, cookie, *ends)?;
    }
    Ok(answer.json(RegisteredBody {
        passkey: PasskeyBody::from(&registered.passkey),
        backup_codes: texts(&registered.codes),
        other_sessions: registered.other_sessions.into(),
    }))
}

impl FinishRequest {
    fn command(self) -> Result<RegisterPasskey, Problem> {
        let name = name(&self.name)?;
        let mut parts = Parts::default();
        parts.kind(&self.credential.kind);
        let response = self.credential.response;
        let mut transports: Vec<Transport> = response
            .transports
            .iter()
            .filter_map(|word| Transport::parse(word))
            .collect();
        transports.sort_unstable();
        transports.dedup();
        let answer = Registration {
            credential_id: parts.bytes("/credential/id", &self.credential.id),
            client_data: parts.bytes("/credential/response/clientDataJSON", &response.client_data_json),
            attestation_object: parts.bytes(
                "/credential/response/attestationObject",
                &response.attestation_object,
            ),
            transports,
        };
        let answer = parts.check(Some(answer))?;
        Ok(RegisterPasskey { name, answer })
    }
}
