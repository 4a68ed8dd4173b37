//! `keys`, as far as they are about the key-encryption key: rotation, rewrap, and the ceremony of its shares.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use serde_json::json;
use vutf_app::kek::{KEK_FORGET, KEK_ROTATE, KEK_SPLIT, RewrapReport};
use vutf_crypto_keys::LoadError;
use vutf_kernel::{Action, Detail, KeyId, Secret};
use vutf_kms::{
    FileError, FileKek, FileWrapper, Share, ShareError,
    shamir::{self, ShareReader},
};

use super::{
    answer::count,
    failure::{Failure, Outcome},
    output::{Output, complain},
    password, start,
};
use crate::{
    config::{Config, KeyProvider, Sources},
    service::{Service, configured_id, kek_protection, open_kek, prepare_data_dir},
};

/// Longer than all shares that there can be; what is longer is the wrong input.
const LONGEST: u64 = 64 * 1024;

/// How a key is given to custodians.
pub(super) struct Custody {
    pub(super) shares: u8,
    pub(super) threshold: u8,
    pub(super) into: PathBuf,
}

/// Every tenant key under what is configured now.
pub(super) async fn rewrap(service: &Service, out: &mut Output) -> Outcome {
    let report = rewrapped(service).await?;
    let kek = service.wrapper.kek_id();
    let text = format!(
        "{} under the key-encryption key {kek}; {} rewrapped by this run, each opened again under every key that wraps it.",
        tenants(report.tenants),
        report.rewrapped
    );
    let value = json!({"kek": kek, "tenant_keys": report.tenants, "rewrapped": report.rewrapped});
    Ok(out.answer(&text, &value)?)
}

/// A new key in the file, or the rest of a rotation that was cut off.
pub(super) async fn rotate(service: &Service, out: &mut Output) -> Outcome {
    let path = key_file(&service.config)?;
    let current = service.wrapper.kek_id().to_owned();
    let pending: Vec<String> = previous(service, &path)
        .await?
        .into_iter()
        .filter_map(|(kek_id, rows)| (rows > 0).then_some(kek_id))
        .collect();
    let resumed = !pending.is_empty();
    let (from, to) = if resumed {
        (pending, current)
    } else {
        let protection = kek_protection(&service.config);
        let entropy = &mut *service.ambient.entropy();
        let suite = service.keyring.policy().new_keys();
        let rotated = FileWrapper::rotate(&path, &protection, suite, &current, entropy)?;
        (vec![rotated.from], rotated.to)
    };
    let mut service = service.clone();
    service.wrapper = open_kek(&service.config, &service.ambient).await?;
    let details = [
        ("from", Detail::List(from.clone())),
        ("to", Detail::Text(to.clone())),
        ("resumed", Detail::Text(resumed.to_string())),
    ];
    record(&service, KEK_ROTATE, &details).await?;
    let report = rewrapped(&service).await?;
    let text = format!(
        "{} under the new key-encryption key {to}, and opened under it; {} rewrapped by this run.\n\
         The previous key {} stays beside {}.\n\
         Next: restart every replica, back up the new key file, and when no backup of the database needs the previous key\n\
         any more: violentutf-api keys rotate-kek --forget-previous",
        tenants(report.tenants),
        report.rewrapped,
        from.join(", "),
        path.display(),
    );
    let value = json!({
        "from": from, "to": to, "resumed": resumed,
        "tenant_keys": report.tenants, "rewrapped": report.rewrapped,
    });
    Ok(out.answer(&text, &value)?)
}

/// The previous keys away, if nothing names them and everything opens without them.
pub(super) async fn forget(service: &Service, out: &mut Output) -> Outcome {
    let path = key_file(&service.config)?;
    let previous = previous(service, &path).await?;
    if let Some((kek_id, rows)) = previous.iter().find(|(_, rows)| **rows > 0) {
        return Err(Failure::Failed(format!(
            "{} still under the previous key {kek_id}; run `violentutf-api keys rotate-kek` to finish its rotation",
            tenants(*rows)
        )));
    }
    verified(service).await?;
    // The file of tombstones outlives the database's backups, and must not need a key that is about to go.
    service.tombstones.rewrap().await?;
    let forgotten: Vec<String> = previous.into_keys().collect();
    for kek_id in &forgotten {
        let details = [("kek", Detail::Text(kek_id.clone()))];
        record(service, KEK_FORGET, &details).await?;
        FileWrapper::forget_previous(&path, kek_id)?;
    }
    let text = match forgotten.as_slice() {
        [] => "There is no previous key.".to_owned(),
        some => format!(
            "Removed: {}. Backups of the database from before the rotation cannot be read without a copy of it.",
            some.join(", ")
        ),
    };
    Ok(out.answer(&text, &json!({"forgotten": forgotten}))?)
}

/// One file for each custodian, read back and joined before it is told that they are good.
pub(super) async fn split(service: &Service, custody: &Custody, out: &mut Output) -> Outcome {
    let path = key_file(&service.config)?;
    let Custody {
        shares,
        threshold,
        into,
    } = custody;
    if threshold > shares {
        return Err(Failure::Usage(
            ShareError::Terms {
                threshold: *threshold,
                shares: *shares,
            }
            .to_string(),
        ));
    }
    let mut entropy = service.ambient.entropy();
    let protection = kek_protection(&service.config);
    let made = FileWrapper::split(&path, &protection, *threshold, *shares, &mut *entropy)?;
    let set = made.first().map(Share::set_id).unwrap_or_default();
    let details = [
        ("kek", Detail::Text(service.wrapper.kek_id().to_owned())),
        ("set", Detail::Text(set.clone())),
        ("shares", Detail::Number((*shares).into())),
        ("threshold", Detail::Number((*threshold).into())),
    ];
    prepare_data_dir(into)?;
    // Recorded before there is anything to carry away.
    record(service, KEK_SPLIT, &details).await?;
    let mut files = Vec::new();
    for share in &made {
        let file = into.join(format!("share-{}-of-{shares}.txt", share.index()));
        FileWrapper::write_share(&file, share, &mut *entropy)?;
        files.push(file);
    }
    let read: Result<Vec<Share>, FileError> =
        files.iter().map(|file| FileWrapper::read_share(file)).collect();
    shamir::join(&read?).map_err(|error| Failure::of(&error))?;
    let text = format!(
        "{shares} shares of the key-encryption key {}, set {set}, in {}: any {threshold} of them join it.\n\
         Give each file to one custodian, on paper or on a medium of its own, and remove it here.",
        service.wrapper.kek_id(),
        into.display(),
    );
    let value = json!({
        "kek": service.wrapper.kek_id(), "set": set, "threshold": threshold, "files": files,
    });
    Ok(out.answer(&text, &value)?)
}

/// The key of the configuration into a key file.
pub(super) fn import(key_from: Option<&Path>, sources: &Sources, out: &mut Output) -> Outcome {
    let config = start::command(sources)?;
    let path = free_key_file(&config)?;
    let text = match key_from {
        None if io::stdin().is_terminal() => password::typed("Key: ")
            .map_err(|error| Failure::Failed(format!("no key from the terminal: {error}")))?,
        file => password::read(file)?,
    };
    let key = FileKek::parse_key(&text)?;
    let ambient = vutf_kernel::Ambient::system();
    let (protection, entropy) = (kek_protection(&config), &mut *ambient.entropy());
    let kek_id = configured_id(config.keys.suites.policy());
    FileWrapper::import(&path, &protection, &kek_id, key, entropy)?;
    let text = format!(
        "The key is in {} now; rows go on naming it {kek_id}.\n\
         Next: violentutf-api doctor, and then: violentutf-api keys rotate-kek",
        path.display()
    );
    Ok(out.answer(&text, &json!({"kek": kek_id, "file": path}))?)
}

/// The key file from shares, which may be all that is left.
pub(super) fn join(files: &[PathBuf], sources: &Sources, out: &mut Output) -> Outcome {
    let config = start::command(sources)?;
    let path = free_key_file(&config)?;
    let shares = if files.is_empty() {
        asked()?
    } else {
        let read: Result<_, FileError> = files.iter().map(|file| FileWrapper::read_share(file)).collect();
        read?
    };
    let ambient = vutf_kernel::Ambient::system();
    let protection = kek_protection(&config);
    let made = FileWrapper::join(&path, &protection, &shares, &mut *ambient.entropy())?;
    let kek_id = vutf_crypto_keys::KeyWrapper::kek_id(&made);
    let text = format!("The key-encryption key {kek_id} is in {} again.", path.display());
    Ok(out.answer(&text, &json!({"kek": kek_id, "file": path}))?)
}

async fn rewrapped(service: &Service) -> Result<RewrapReport, Failure> {
    let ctx = start::operator(service);
    let report = service.keys().rewrap(&ctx).await;
    let report = report.map_err(|error| Failure::of(&error))?;
    if !report.is_complete() {
        let contended = format!(
            "{} changed by others meanwhile, run the command again",
            report.contended
        );
        return Err(incomplete(
            &report.refused,
            (report.contended > 0).then_some(contended),
        ));
    }
    verified(service).await?;
    Ok(report)
}

async fn verified(service: &Service) -> Result<(), Failure> {
    let report = service.keys().verify_wraps(&start::operator(service)).await;
    let report = report.map_err(|error| Failure::of(&error))?;
    if report.refused.is_empty() {
        Ok(())
    } else {
        Err(incomplete(&report.refused, None))
    }
}

async fn record(service: &Service, action: Action, details: &[(&'static str, Detail)]) -> Outcome {
    let ctx = start::operator(service);
    let recorded = service.keys().record_kek(&ctx, action, details).await;
    recorded.map_err(|error| Failure::of(&error))
}

fn incomplete(refused: &[(KeyId, LoadError)], more: Option<String>) -> Failure {
    let told = refused.iter().map(|(_, error)| error.to_string()).chain(more);
    Failure::Failed(format!(
        "not every tenant key could be rewrapped, keep every key-encryption key until it is: {}",
        told.collect::<Vec<_>>().join("; ")
    ))
}

/// The keys that are kept beside the file, the one in it not counted, and how many tenant keys name each.
async fn previous(service: &Service, path: &Path) -> Result<BTreeMap<String, usize>, Failure> {
    let in_use = service.keys().keks_in_use(&start::operator(service)).await;
    let in_use = in_use.map_err(|error| Failure::of(&error))?;
    let mut kept = FileWrapper::previous_ids(path)?;
    kept.retain(|kek_id| kek_id != service.wrapper.kek_id());
    let rows = |kek_id: String| {
        let rows = in_use.get(&kek_id).copied().unwrap_or(0);
        (kek_id, rows)
    };
    Ok(kept.into_iter().map(rows).collect())
}

/// The key file, when that is where the key-encryption key is.
fn key_file(config: &Config) -> Result<PathBuf, Failure> {
    let told = if !matches!(config.keys.provider, KeyProvider::File) {
        "the key-encryption key is not in a key file: rotate it at its provider, then run `violentutf-api keys rewrap`"
    } else if config.keys.kek_key.is_some() {
        "the key-encryption key is in the configuration (keys.kek_key) and not in a key file; take it out of there, \
         and run `violentutf-api keys import-kek` first"
    } else {
        return Ok(config.kek_file());
    };
    Err(Failure::Usage(told.to_owned()))
}

/// The same, when there is no file yet; checked before anybody types anything.
fn free_key_file(config: &Config) -> Result<PathBuf, Failure> {
    let path = key_file(config)?;
    if path.exists() {
        return Err(FileError::Exists { path }.into());
    }
    prepare_data_dir(&config.data_dir)?;
    Ok(path)
}

/// Shares from the terminal, line by line and without echo, or all at once from standard input.
fn asked() -> Result<Vec<Share>, Failure> {
    if !io::stdin().is_terminal() {
        // Room enough from the start: growing would leave copies behind.
        let mut text = String::with_capacity(usize::try_from(LONGEST).unwrap_or_default());
        let read = io::stdin().take(LONGEST).read_to_string(&mut text);
        let text = Secret::new(text);
        read.map_err(|error| Failure::Failed(format!("no shares on standard input: {error}")))?;
        return Share::parse_all(text.expose()).map_err(|error| Failure::of(&error));
    }
    let mut shares: Vec<Share> = Vec::new();
    let mut reader = ShareReader::default();
    while shares
        .first()
        .is_none_or(|first| shares.len() < usize::from(first.threshold()))
    {
        let prompt = format!("Share {}, line {}: ", shares.len() + 1, reader.next_line());
        let line = password::typed(&prompt)
            .map_err(|error| Failure::Failed(format!("no share from the terminal: {error}")))?;
        match reader.line(line.expose()) {
            Ok(None) => {}
            Ok(Some(share)) => {
                let (index, of, needed) = (share.index(), share.shares(), share.threshold());
                complain(&format!("That was share {index} of {of}; {needed} are needed."));
                shares.push(share);
            }
            Err(error) => complain(&error.to_string()),
        }
    }
    Ok(shares)
}

fn tenants(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!(
        "{} {verb}",
        count(u64::try_from(number).unwrap_or(u64::MAX), "tenant key")
    )
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::of(&error)
    }
}
