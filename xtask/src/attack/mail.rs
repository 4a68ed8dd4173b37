//! Those who get at somebody's mail, or at what is in it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    identity::Stood,
    site::{Answer, LINKS, PASSWORD, Site, all_are},
};

const ATTACKER: &str = "198.51.100.88";
const FORGOT: (&str, &str) = ("POST", "/api/v1/auth/password/forgot");
const NEXT: &str = "nine loud anchors under the bridge";

fn reset(site: &Site, token: &str, password: &str) -> Result<Answer> {
    let body = json!({"token": token, "password": password});
    site.send(ATTACKER, None, "POST", "/api/v1/auth/password/reset", &body)
}

pub(super) fn poisoning(site: &Site) -> Result<Stood> {
    let hosts: [&[&str]; 4] = [
        &["host: evil.example"],
        &["x-forwarded-host: evil.example"],
        &["forwarded: host=evil.example;proto=http"],
        &["host: app.example.org@evil.example", "x-forwarded-proto: http"],
    ];
    let mut answers = Vec::new();
    for (nth, lines) in hosts.iter().enumerate() {
        let name = format!("poisoned{nth}");
        site.register(&name)?;
        let email = format!("{name}@example.org");
        let page = site.browse(ATTACKER, lines, FORGOT, &json!({"email": email}))?;
        answers.push((page.status, page.body));
        if page.status == 202 {
            let mail = site.mail("reset", &email)?;
            ensure!(
                mail.link()?.starts_with(LINKS),
                "the link leads to {}",
                mail.link()?
            );
            ensure!(!mail.text.contains("evil.example"), "{}", mail.text);
        }
    }
    let nobody = json!({"email": "nobody@example.org"});
    let unknown = site.browse(ATTACKER, &[], FORGOT, &nobody)?;
    ensure!(unknown.status == 202, "{} {}", unknown.status, unknown.body);
    let sent = answers.iter().filter(|(status, _)| *status == 202).count();
    ensure!(sent > 0, "nothing was sent: {answers:?}");
    Ok(Stood {
        requests: hosts.len() + 1,
        answer: "202, as for an address that nobody has; links are made of the configuration alone".into(),
        trace: "`password.forgot`".into(),
    })
}

/// The mailbox is the attacker's: the account is not, where there is a second factor.
pub(super) fn around_the_factor(site: &Site) -> Result<Stood> {
    let person = site.person("mailed")?;
    site.enrol(&person)?;
    let page = site.browse(ATTACKER, &[], FORGOT, &json!({"email": "mailed@example.org"}))?;
    ensure!(page.status == 202, "{} {}", page.status, page.body);
    let token = site.mail("reset", "mailed@example.org")?.token()?;
    let (status, body) = reset(site, &token, NEXT)?;
    ensure!(status < 300, "{status} {body}");
    let again = reset(site, &token, PASSWORD)?;
    let old = site.send(ATTACKER, Some(&person.access), "GET", "/api/v1/me", &Value::Null)?;
    let before = site.login(ATTACKER, "mailed", PASSWORD)?;
    all_are(401, &[old, before])?;
    ensure!(
        (400..500).contains(&again.0),
        "the link is good twice: {}",
        again.1
    );
    let (status, answer) = site.login(ATTACKER, "mailed", NEXT)?;
    ensure!(
        status == 200 && answer["challenge"].is_string() && answer["access_token"].is_null(),
        "{status} {answer}"
    );
    Ok(Stood {
        requests: 6,
        answer: "the password is theirs, the account is not: the sign-in still asks for the second factor; the link is good once; all sessions ended"
            .into(),
        trace: "`password.reset`, `mfa.challenge`, and a notice to the owner".into(),
    })
}
