//! Those who are after an account that has a passkey.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use vutf_testkit::passkey::SoftPasskey;

use super::{
    identity::Stood,
    site::{Answer, PASSWORD, Person, Site, all_alike, all_are},
};

const PAGE: &str = "http://localhost:8080";
const HOME: &str = "192.0.2.21";
const ATTACKER: &str = "198.51.100.21";

/// Gives somebody a passkey.
fn add(site: &Site, person: &Person) -> Result<SoftPasskey> {
    let token = Some(person.access.as_str());
    let path = "/api/v1/me/mfa/passkeys/register/begin";
    let (status, begun) = site.send(HOME, token, "POST", path, &Value::Null)?;
    ensure!(status == 200, "{status} {begun}");
    let (passkey, credential) = SoftPasskey::create(PAGE, &begun["public_key"])?;
    let body = json!({"name": "phone", "credential": credential});
    let path = "/api/v1/me/mfa/passkeys/register/finish";
    let (status, added) = site.send(HOME, token, "POST", path, &body)?;
    ensure!(status == 201, "{status} {added}");
    Ok(passkey)
}

/// What is to be signed, asked for from `address`.
fn question(site: &Site, address: &str) -> Result<Value> {
    let (status, begun) = site.send(address, None, "POST", "/api/v1/auth/passkey/begin", &Value::Null)?;
    ensure!(status == 200, "{status} {begun}");
    Ok(begun["public_key"].clone())
}

fn present(site: &Site, address: &str, credential: &Value) -> Result<Answer> {
    let body = json!({"credential": credential});
    site.send(address, None, "POST", "/api/v1/auth/passkey/finish", &body)
}

fn sign_in(site: &Site, address: &str, passkey: &mut SoftPasskey) -> Result<Answer> {
    let credential = passkey.answer(&question(site, address)?)?;
    present(site, address, &credential)
}

/// Strangers wear out whatever counts attempts; there is no such thing on the passkey's way.
pub(super) fn denial_of_service(site: &Site) -> Result<Stood> {
    let person = site.person("keyholder")?;
    let mut passkey = add(site, &person)?;
    for nth in 0..30 {
        let address = format!("203.0.{}.11", 160 + nth);
        let (status, answer) = site.login(&address, "keyholder", &format!("correct horse battery {nth}"))?;
        ensure!(status == 401, "{status} {answer}");
    }
    let mut forged = passkey.clone();
    forged.seed = [7; 32];
    let answers: Vec<_> = (0..10)
        .map(|_| sign_in(site, ATTACKER, &mut forged))
        .collect::<Result<_>>()?;
    all_are(401, &answers)?;
    all_alike(&answers)?;
    let (status, _) = site.login(HOME, "keyholder", PASSWORD)?;
    ensure!(
        status == 401,
        "the password's way is not closed: nothing was attacked"
    );
    let (status, answer) = sign_in(site, HOME, &mut passkey)?;
    ensure!(status == 200, "the owner is locked out: {status} {answer}");
    let barred = site.refusals("session.login", "barred", Some(&person.id), 20)?;
    let forged = site.refusals("session.login", "wrong_signature", Some(&person.id), 10)?;
    Ok(Stood {
        requests: 50,
        answer: "401 for all, the right password included; the owner signs in with the passkey".into(),
        trace: format!("{barred} × `barred`, {forged} × `wrong_signature`"),
    })
}

/// The attacker has the key itself, or an answer that it gave.
pub(super) fn copied(site: &Site) -> Result<Stood> {
    let person = site.person("copied")?;
    let mut passkey = add(site, &person)?;
    let mut copy = passkey.clone();
    for _ in 0..2 {
        let (status, answer) = sign_in(site, HOME, &mut passkey)?;
        ensure!(status == 200, "{status} {answer}");
    }
    let asked = question(site, HOME)?;
    let credential = passkey.answer(&asked)?;
    let (status, answer) = present(site, HOME, &credential)?;
    ensure!(status == 200, "{status} {answer}");
    let mut lured = passkey.clone();
    "https://localhost.evil.example".clone_into(&mut lured.origin);
    let answers = [
        sign_in(site, ATTACKER, &mut copy)?,
        present(site, ATTACKER, &credential)?,
        sign_in(site, ATTACKER, &mut lured)?,
    ];
    all_are(401, &answers)?;
    all_alike(&answers)?;
    let mail = site.mail("passkey_copied", "copied@example.org");
    mail.context("the owner is not told")?;
    for (reason, subject) in [
        ("counter_regressed", Some(person.id.as_str())),
        ("unknown_challenge", None),
        ("wrong_origin", Some(person.id.as_str())),
    ] {
        site.refusals("session.login", reason, subject, 1)?;
    }
    Ok(Stood {
        requests: 5,
        answer: "401 for each, the same; the owner is written to".into(),
        trace: "`counter_regressed`, `unknown_challenge`, `wrong_origin`".into(),
    })
}
