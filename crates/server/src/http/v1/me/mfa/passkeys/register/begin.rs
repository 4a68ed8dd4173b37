use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    passkey::{CEREMONY_LIFE, CreationOptions, begin::begin, options::ALGORITHMS},
};

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::auth::passkey::{DescriptorBody, PUBLIC_KEY, text, timeout},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/mfa/passkeys/register/begin",
    access: Access::Session,
    action: action::PASSKEY_BEGIN,
    rate: RateClass::Default,
    doc: Doc::new("me", "Ask what an authenticator is to make a passkey of")
        .answers::<CreationBody>(200)
        .refuses(&[409]),
};

/// How to make a passkey, and how long it may take.
#[derive(Serialize, ToSchema)]
#[schema(as = PasskeyCreation)]
pub(crate) struct CreationBody {
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON`.
    public_key: CreationOptionsBody,
    /// How long it waits for the answer, in seconds.
    #[schema(example = 300)]
    expires_in: u64,
}

/// `PublicKeyCredentialCreationOptionsJSON`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublicKeyCredentialCreationOptions)]
pub(crate) struct CreationOptionsBody {
    /// The site.
    rp: SiteBody,
    /// For whom.
    user: PersonBody,
    /// To be signed; base64url.
    challenge: String,
    /// The most wanted first.
    pub_key_cred_params: Vec<AlgorithmBody>,
    /// In milliseconds.
    #[schema(example = 300_000)]
    timeout: u64,
    /// Passkeys whose authenticators are not to make another one.
    exclude_credentials: Vec<DescriptorBody>,
    /// What kind of passkey.
    authenticator_selection: SelectionBody,
    /// Always `none`.
    #[schema(example = "none")]
    attestation: &'static str,
}

/// `PublicKeyCredentialRpEntity`.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicKeyCredentialRpEntity)]
pub(crate) struct SiteBody {
    /// The domain.
    #[schema(example = "example.org")]
    id: String,
    /// What is shown.
    #[schema(example = "example.org")]
    name: String,
}

/// `PublicKeyCredentialUserEntityJSON`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublicKeyCredentialUserEntity)]
pub(crate) struct PersonBody {
    /// A number that names nobody; base64url.
    id: String,
    /// The account's name.
    #[schema(example = "grace")]
    name: String,
    /// What is shown.
    #[schema(example = "grace")]
    display_name: String,
}

/// `PublicKeyCredentialParameters`.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicKeyCredentialParameters)]
pub(crate) struct AlgorithmBody {
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    kind: &'static str,
    /// A COSE algorithm.
    #[schema(example = -7)]
    alg: i64,
}

/// `AuthenticatorSelectionCriteria`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthenticatorSelectionCriteria)]
pub(crate) struct SelectionBody {
    /// One that can be found without the account's name, if there is room.
    #[schema(example = "preferred")]
    resident_key: &'static str,
    /// The same in Level 1.
    require_resident_key: bool,
    /// A PIN or a finger, if the authenticator can.
    #[schema(example = "preferred")]
    user_verification: &'static str,
}

impl From<CreationOptions> for CreationBody {
    /// The account's name goes to its owner.
    fn from(options: CreationOptions) -> Self {
        let name = options.username.expose().clone();
        let algorithm = |alg| AlgorithmBody {
            kind: PUBLIC_KEY,
            alg,
        };
        let public_key = CreationOptionsBody {
            rp: SiteBody {
                id: options.rp_id,
                name: options.rp_name,
            },
            user: PersonBody {
                id: text(options.user.as_bytes()),
                display_name: name.clone(),
                name,
            },
            challenge: text(&options.challenge.0),
            pub_key_cred_params: ALGORITHMS.map(algorithm).into(),
            timeout: timeout(),
            exclude_credentials: options.exclude.into_iter().map(DescriptorBody::from).collect(),
            authenticator_selection: SelectionBody {
                resident_key: "preferred",
                require_resident_key: false,
                user_verification: "preferred",
            },
            attestation: "none",
        };
        Self {
            public_key,
            expires_in: CEREMONY_LIFE.as_secs(),
        }
    }
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let options = begin(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(CreationBody::from(options)))
}
