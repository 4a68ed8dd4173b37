//! Whether the answer to a refused sign-in, or its time, tells why.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{head, login, percentile, register, tell};
use crate::{client::Request, output::say, service::Service};

/// Wrong passwords for one account: one more is free, and what follows that is barred for a while, which is another reason.
const FREE: usize = 4;

pub(super) fn measure(service: &Service, tries: usize) -> Result<()> {
    ensure!(tries > 0, "--tries must be at least 1");
    for nth in 0..tries.div_ceil(FREE) {
        register(service, &format!("open{nth}"))?;
    }
    let locked = register(service, "locked")?;
    service.ask(&format!("/api/v1/users/{locked}/lock"), &Value::Null)?;
    register(service, "barred")?;
    for _ in 0..FREE + 2 {
        login(service, "barred", "not the right pass phrase").once()?;
    }
    let mut kinds = [
        Kind::new("unknown user", |service, nth| {
            login(service, &format!("nobody{nth}"), super::PASSWORD)
        }),
        Kind::new("wrong password", |service, nth| {
            login(
                service,
                &format!("open{}", nth / FREE),
                "not the right pass phrase",
            )
        }),
        Kind::new("locked account, right password", |service, _| {
            login(service, "locked", super::PASSWORD)
        }),
        Kind::new("barred account, right password", |service, _| {
            login(service, "barred", super::PASSWORD)
        }),
    ];
    // In turn, so that whatever else the machine does meets all of them.
    for nth in 0..tries {
        for kind in &mut kinds {
            kind.ask(service, nth)?;
        }
    }
    report(&mut kinds);
    Ok(())
}

struct Kind {
    name: &'static str,
    request: fn(&Service, usize) -> Request,
    took: Vec<Duration>,
    /// Status and body, without what differs between any two requests.
    answers: BTreeSet<String>,
}

impl Kind {
    fn new(name: &'static str, request: fn(&Service, usize) -> Request) -> Self {
        Self {
            name,
            request,
            took: Vec::new(),
            answers: BTreeSet::new(),
        }
    }

    fn ask(&mut self, service: &Service, nth: usize) -> Result<()> {
        let request = (self.request)(service, nth);
        let asked = Instant::now();
        let (status, body) = request.once()?;
        self.took.push(asked.elapsed());
        let mut body: Value = serde_json::from_slice(&body)?;
        let fields = body.as_object_mut().context("an answer that is no object")?;
        fields.remove("request_id");
        self.answers.insert(format!("{status} {body}"));
        Ok(())
    }
}

fn report(kinds: &mut [Kind]) {
    head("refused sign-in");
    for kind in &mut *kinds {
        kind.took.sort_unstable();
        tell(kind.name, &kind.took);
    }
    let answers: BTreeSet<&String> = kinds.iter().flat_map(|kind| &kind.answers).collect();
    say(&format!("different answers: {}", answers.len()));
    for answer in answers {
        say(&format!("  {answer}"));
    }
    let medians = kinds.iter().map(|kind| percentile(&kind.took, 50));
    let (least, most) = medians.fold((f64::MAX, 0.0_f64), |(least, most), median| {
        (least.min(median), most.max(median))
    });
    say(&format!("largest median over smallest: {:.3}", most / least));
}
