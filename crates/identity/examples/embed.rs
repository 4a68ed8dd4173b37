//! The identity domain inside another program, over memory: register, sign in, refresh, and a replay that is refused.

use std::{error::Error, io::Write, time::Duration};

use vutf_identity::{
    Email, Identity, Settings, Username,
    session::{
        authenticate,
        login::{Login, login},
        refresh::{Refresh, refresh},
    },
    user::register::{Register, register},
};
use vutf_kernel::{Ctx, OrganizationId, Origin, RequestId, Secret};

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
        username: Username::parse("ada")?,
        email: Email::parse("ada@example.org")?,
        password: password.clone(),
    };
    let user = register(&ctx, &id, command).await?;
    writeln!(out, "registered {}", user.id)?;

    let username = Secret::new("ada".to_owned());
    let signed_in = login(&ctx, &id, Login { username, password }).await?;
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
    Ok(())
}
