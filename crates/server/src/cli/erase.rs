//! `user erase`: a person, for good.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
};

use serde_json::{Value, json};
use vutf_app::erasure::{Certificate, Erase};
use vutf_kernel::UserId;

use super::{
    answer::count,
    failure::{Failure, Outcome},
    output::{Output, complain},
    start,
};
use crate::service::Service;

/// Nobody types three letters by accident.
const YES: &str = "yes";

/// Asks whoever sits there, before anything is opened.
pub(super) fn confirm(id: UserId, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let text = "an erasure cannot be undone: say --yes, or run it at a terminal";
        return Err(Failure::Usage(text.to_owned()));
    }
    complain(&format!(
        "This erases {id} for good, here and in every backup. Type {YES} to go on:"
    ));
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    if line.trim() == YES {
        Ok(())
    } else {
        Err(Failure::Failed("nobody was erased".to_owned()))
    }
}

pub(super) async fn run(service: &Service, command: Erase, out: &mut Output) -> Outcome {
    let erased = service.erasure().erase(&start::operator(service), command).await;
    let certificate = erased.map_err(|error| Failure::of(&error))?;
    Ok(out.answer(&page(&certificate), &described(&certificate))?)
}

fn page(certificate: &Certificate) -> String {
    let mut text = format!(
        "{} was erased at {}. The certificate is the event {} of the audit log.\n",
        certificate.subject_id, certificate.erased_at, certificate.event_id
    );
    for key in &certificate.keys {
        let _infallible = writeln!(
            text,
            "  key     {} version {}, fingerprint {}",
            key.id, key.version, key.fingerprint
        );
    }
    for (table, rows) in &certificate.rows {
        let _infallible = writeln!(text, "  {:22}{}", table, count(*rows, "row"));
    }
    text
}

/// As the API answers it.
pub(super) fn described(certificate: &Certificate) -> Value {
    let keys = certificate.keys.iter();
    let key = |key: &vutf_app::erasure::DestroyedKey| json!({"id": key.id, "version": key.version, "fingerprint": key.fingerprint});
    json!({
        "event_id": certificate.event_id,
        "subject_id": certificate.subject_id,
        "erased_at": certificate.erased_at,
        "erased_by": certificate.erased_by,
        "reason": certificate.reason,
        "reference": certificate.reference,
        "keys": keys.map(key).collect::<Vec<_>>(),
        "rows": certificate.rows,
        "replay_of": certificate.replay_of,
    })
}
