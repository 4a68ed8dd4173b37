//! `audit prove`: that one event is in the log, as files that a stranger can verify; `audit verify --proof`: verifying them.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use vutf_audit::{
    EventProof, Under, Witnesses, leaf_hash,
    tlog::{TlogProof, TrustPolicy, VerifierKey},
};
use vutf_kernel::EventId;

use super::Looker;
use crate::{
    cli::{
        failure::{FAILED, Failure, Outcome},
        output::Output,
    },
    service::Service,
};

/// Largest file of a proof or an entry that is read.
const LIMIT: u64 = 4 << 20;

/// Which event, and under which checkpoint.
pub(super) struct Wanted {
    pub(super) event: EventId,
    pub(super) witnessed: bool,
}

pub(super) async fn run(
    looker: &Looker<'_>,
    service: &Service,
    wanted: Wanted,
    directory: &Path,
    out: &mut Output,
) -> Outcome {
    let (id, keys) = (wanted.event, service.witness_keys());
    let witnesses = Witnesses {
        kept: &service.store,
        keys: &keys,
        quorum: service.config.audit.witness_quorum.into(),
    };
    let under = if wanted.witnessed {
        Under::Witnessed(witnesses)
    } else {
        Under::Newest
    };
    let shown = looker.prove(id, under).await?;
    let [proof, entry] = ["tlog-proof", "json"].map(|ending| directory.join(format!("{id}.{ending}")));
    put(&entry, &shown.record.intake.body)?;
    put(&proof, shown.proof.to_string().as_bytes())?;
    out.answer(&told(&shown, &proof, &entry), &described(&shown, &proof, &entry))?;
    Ok(())
}

fn told(shown: &EventProof, proof: &Path, entry: &Path) -> String {
    format!(
        "Event {} is in the log at seq {}.\n  proof     {}\n  entry     {}\nVerify it anywhere:\n  \
         violentutf-api audit verify --proof {} --entry {} --vkey NAME+ID+KEY\n",
        shown.record.intake.id,
        shown.proof.index,
        proof.display(),
        entry.display(),
        proof.display(),
        entry.display(),
    )
}

fn described(shown: &EventProof, proof: &Path, entry: &Path) -> serde_json::Value {
    json!({"id": shown.record.intake.id, "seq": shown.proof.index, "proof": proof, "entry": entry})
}

/// What is there already is never written over.
fn put(path: &PathBuf, content: &[u8]) -> Outcome {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

/// Needs nothing but the two files and the key.
pub(super) fn verify(proof: &Path, entry: &Path, keys: &[VerifierKey], out: &mut Output) -> Outcome {
    let proof = String::from_utf8(read(proof)?)
        .map_err(|_| Failure::Failed(format!("{}: it is not UTF-8", proof.display())))?;
    let leaf = leaf_hash(&read(entry)?);
    let verified = TlogProof::parse(&proof)
        .map_err(|error| error.to_string())
        .and_then(|proof| {
            let mut refusal = "give the log's public key with --vkey".to_owned();
            for key in keys {
                match proof.verify(&leaf, &TrustPolicy::of(key.clone())) {
                    Ok(trusted) => return Ok((proof.index, trusted.checkpoint)),
                    Err(error) => refusal = error.to_string(),
                }
            }
            Err(refusal)
        });
    match verified {
        Ok((index, head)) => {
            let text = format!(
                "The entry is in the log {} at seq {index}, under {} entries.\n",
                head.origin, head.size
            );
            let described =
                json!({"ok": true, "origin": head.origin.as_str(), "seq": index, "size": head.size});
            out.answer(&text, &described)?;
            Ok(())
        }
        Err(problem) => {
            out.answer(&format!("{problem}\n"), &json!({"ok": false, "problem": problem}))?;
            Err(Failure::Told(FAILED))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", path.display()));
    let length = fs::metadata(path).map_err(|error| failed(&error))?.len();
    if length > LIMIT {
        return Err(failed(&"it is longer than 4 MiB"));
    }
    fs::read(path).map_err(|error| failed(&error))
}
