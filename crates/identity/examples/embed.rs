//! The identity domain inside another program, over memory: register, sign in, refresh, and a replay that is refused; then a
//! second factor, and a sign-in with it.

use std::{error::Error, io::Write, time::Duration};

use vutf_identity::{
    Email, Identity, Settings, Username,
    mfa::{
        Method, Presented, TotpSecret,
        confirm::{Confirm, confirm},
        enrol::enrol,
    },
    session::{
        Opened, SignedIn, authenticate,
        login::{Client, LoggedIn, Login, login},
        refresh::{Refresh, refresh},
        verify::{Verify, verify},
    },
    user::register::{Register, register},
};
use vutf_kernel::{Ctx, OrganizationId, Origin, RequestId, Secret, Timestamp};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let mut settings = Settings::new("https://id.example.org", "my-service");
    settings.open_registration = true;
    settings.verified_at_once = true;
    settings.refresh_grace = Duration::ZERO;
    let id = Identity::in_memory(settings);
    let request = RequestId::parse("example-1").ok_or("not a request id")?;
    let ctx = Ctx::anonymous(OrganizationId::DEFAULT, request, Origin::default());
    let password = Secret::new("correct horse battery staple".to_owned());

    let command = Register {
        invitation: None,
        username: Username::parse("ada")?,
        email: Email::parse("ada@example.org")?,
        password: password.clone(),
    };
    let user = register(&ctx, &id, command).await?;
    writeln!(out, "registered {}", user.id)?;

    let LoggedIn::SignedIn(signed_in) = login(&ctx, &id, by(&password)).await? else {
        return Err("a second factor was asked for before there was one".into());
    };
    let caller = authenticate(&id, signed_in.access_token.expose()).await?;
    writeln!(out, "signed in with the roles {:?}", caller.roles)?;

    let spent = signed_in.refresh_token;
    let refresh_token = spent.clone();
    let renewed = refresh(&ctx, &id, Refresh { refresh_token }).await?;
    writeln!(out, "renewed for {} s", renewed.expires_in.as_secs())?;

    let refresh_token = spent;
    match refresh(&ctx, &id, Refresh { refresh_token }).await {
        Ok(_) => return Err("a spent token was accepted".into()),
        Err(error) => writeln!(out, "replay refused: {}", error.code())?,
    }
    match authenticate(&id, renewed.access_token.expose()).await {
        Ok(_) => return Err("the session outlived the theft".into()),
        Err(error) => writeln!(out, "and the session ended: {}", error.code())?,
    }

    let signed_in = with_second_factor(&ctx, &id, &password).await?;
    let caller = authenticate(&id, signed_in.access_token.expose()).await?;
    writeln!(out, "signed in with {}", caller.assurance.amr.join(" and "))?;
    Ok(())
}

fn by(password: &Secret<String>) -> Login {
    Login {
        username: Secret::new("ada".to_owned()),
        password: password.clone(),
        client: Client::default(),
    }
}

/// Enrols an authenticator app, which is played here, and signs in with both factors.
async fn with_second_factor(
    ctx: &Ctx,
    id: &Identity,
    password: &Secret<String>,
) -> Result<SignedIn, Box<dyn Error>> {
    let LoggedIn::SignedIn(signed_in) = login(ctx, id, by(password)).await? else {
        return Err("a second factor was asked for before there was one".into());
    };
    let caller = authenticate(id, signed_in.access_token.expose()).await?;
    let own = caller.ctx(ctx.request_id.clone(), Origin::default());
    let enrolment = enrol(&own, id).await?;
    let app = TotpSecret::from_base32(enrolment.secret.expose()).ok_or("not a secret")?;
    let now: Timestamp = id.ambient.now();
    let command = Confirm { code: app.code(now) };
    let _shown_once = confirm(&own, id, command).await?;

    let LoggedIn::Challenged(challenged) = login(ctx, id, by(password)).await? else {
        return Err("no second factor was asked for".into());
    };
    // The present code was used up by the confirmation; that of the next half minute is taken already.
    let factor = Presented {
        method: Method::Totp,
        code: app.code(now.plus(Duration::from_secs(30))),
    };
    let challenge = challenged.challenge;
    let command = Verify {
        challenge,
        factor: factor.into(),
        client: Client::default(),
    };
    match verify(ctx, id, command).await? {
        Opened::Tokens(signed_in) => Ok(signed_in),
        Opened::Cookie(_) => Err("tokens were asked for".into()),
    }
}
