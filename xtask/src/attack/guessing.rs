//! Those who guess.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{
    identity::Stood,
    site::{PASSWORD, Site, all_alike, all_are, at_once},
};

const WRONG: &str = "correct horse battery staple";

/// Some of the names are nobody's: the answer must not tell which.
pub(super) fn spraying(site: &Site) -> Result<Stood> {
    for nth in 0..15 {
        site.register(&format!("spray{nth}"))?;
    }
    let answers: Vec<_> = (0..30)
        .map(|nth| site.login("198.51.100.7", &format!("spray{nth}"), WRONG))
        .collect::<Result<_>>()?;
    all_are(401, &answers)?;
    all_alike(&answers)?;
    site.finding("password-spraying", "")?;
    Ok(Stood {
        requests: answers.len(),
        answer: "401 each time, the same for names that exist and names that do not".into(),
        trace: "finding `password-spraying`".into(),
    })
}

pub(super) fn stuffing(site: &Site) -> Result<Stood> {
    let mut persons = Vec::new();
    for nth in 0..10 {
        persons.push(site.register(&format!("stuff{nth}"))?);
    }
    let answers = at_once(150, |nth| {
        let address = format!("203.0.{}.{}", nth / 5, 1 + nth % 250);
        site.login(&address, &format!("stuff{}", nth % 10), &format!("{WRONG} {nth}"))
    })?;
    let refused: Vec<_> = answers.into_iter().filter(|(status, _)| *status != 503).collect();
    all_are(401, &refused)?;
    let checked = site.refusals("session.login", "wrong_password", Some(&persons[0]), 1)?;
    ensure!(checked <= 5, "{checked} passwords of one account were looked at");
    site.finding("guessing-burst", &persons[0])?;
    Ok(Stood {
        requests: 150,
        answer: "401, or 503 with `Retry-After` beyond what can be hashed; no more than 5 tries an account are looked at, from however many \
                 addresses"
            .into(),
        trace: "finding `guessing-burst` about each account".into(),
    })
}

pub(super) fn in_parallel(site: &Site) -> Result<Stood> {
    let person = site.register("parallel")?;
    let answers = at_once(32, |nth| {
        site.login("198.51.100.8", "parallel", &format!("{WRONG} {nth}"))
    })?;
    let refused: Vec<_> = answers.into_iter().filter(|(status, _)| *status != 503).collect();
    all_are(401, &refused)?;
    all_alike(&refused)?;
    let checked = site.refusals("session.login", "wrong_password", Some(&person), 1)?;
    let barred = site.refusals("session.login", "barred", Some(&person), 1)?;
    ensure!(checked <= 5, "{checked} wrong passwords were looked at");
    ensure!(
        site.login("198.51.100.8", "parallel", PASSWORD)?.0 == 401,
        "the bar is none"
    );
    Ok(Stood {
        requests: 33,
        answer: format!("401 for all, the right password after them included; {checked} were looked at"),
        trace: format!("{checked} × `wrong_password`, {barred} × `barred`"),
    })
}

/// Strangers wear the account's counter out, from everywhere; the owner's browser has one of its own.
pub(super) fn denial_of_service(site: &Site) -> Result<Stood> {
    let person = site.register("owner")?;
    let sign_in = ("POST", "/api/v1/auth/session");
    let right = json!({"username": "owner", "password": PASSWORD});
    let home = site.browse("192.0.2.9", &[], sign_in, &right)?;
    ensure!(home.status == 200, "{} {}", home.status, home.body);
    for nth in 0..30 {
        let answer = site.login(
            &format!("203.0.{}.9", 120 + nth),
            "owner",
            &format!("{WRONG} {nth}"),
        )?;
        ensure!(answer.0 == 401, "{} {}", answer.0, answer.1);
    }
    let stranger = site.browse("203.0.113.99", &[], sign_in, &right)?;
    ensure!(
        stranger.status == 401,
        "a stranger is let in although the account is barred"
    );
    let known = format!("cookie: {}", home.cookies);
    let owner = site.browse("192.0.2.9", &[&known], sign_in, &right)?;
    ensure!(
        owner.status == 200,
        "the owner is locked out: {} {}",
        owner.status,
        owner.body
    );
    let barred = site.refusals("session.login", "barred", Some(&person), 20)?;
    Ok(Stood {
        requests: 31,
        answer: "401 for all; the owner signs in from the browser that is known".into(),
        trace: format!("{barred} × `barred`, finding `guessing-burst`"),
    })
}

/// The attacker has the password: what is left between them and the account is the code.
pub(super) fn codes(site: &Site) -> Result<Stood> {
    let person = site.person("coded")?;
    site.enrol(&person)?;
    let mut answers = Vec::new();
    for round in 0..5 {
        let (status, answer) = site.login("198.51.100.9", "coded", PASSWORD)?;
        let Some(challenge) = answer["challenge"].as_str() else {
            ensure!(status == 401, "{status} {answer}");
            continue;
        };
        answers.extend(at_once(8, |nth| {
            let body =
                json!({"challenge": challenge, "method": "totp", "code": format!("{:06}", round * 8 + nth)});
            site.send("198.51.100.9", None, "POST", "/api/v1/auth/mfa/verify", &body)
        })?);
    }
    all_are(401, &answers)?;
    let looked_at = site.refusals("session.login", "wrong_code", Some(&person.id), 1)?;
    ensure!(looked_at <= 5, "{looked_at} codes were looked at");
    Ok(Stood {
        requests: answers.len() + 5,
        answer: format!("401 for all; {looked_at} codes were looked at"),
        trace: format!("{looked_at} × `wrong_code`, then `barred`"),
    })
}
