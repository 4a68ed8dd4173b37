//! The secret that makes the first administrator: made at the first start, kept in a file for this user's eyes, printed once.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use vutf_identity::bootstrap::{Offer, TOKEN_PREFIX, make_token, offer};
use vutf_kernel::{Actor, Secret};

use super::{Service, StartError, data_dir};

/// A token that can still be used, and where it stands.
#[derive(Debug)]
pub struct Bootstrap {
    /// The file.
    pub path: PathBuf,
    /// The token.
    pub token: Secret<String>,
    /// Whether this start made it: only then it is printed.
    pub fresh: bool,
}

/// The file comes first and the database second, so that a crash between them leaves a token that the next start offers again.
pub(super) async fn prepare(service: &Service) -> Result<Option<Bootstrap>, StartError> {
    let path = service.config.data_dir.join("bootstrap-token");
    let (token, fresh) = match read(&path) {
        Some(token) => (token, false),
        None => make(service, &path).map_err(failed)?,
    };
    let ctx = service.internal(Actor::System { job: "start".into() });
    match offer(&ctx, &service.identity, &token).await.map_err(failed)? {
        Offer::Open => Ok(Some(Bootstrap { path, token, fresh })),
        closed => {
            // A file that is of no use must not look as if it were; one that somebody replaced meanwhile is not ours to remove.
            if read(&path).is_some_and(|found| found == token) {
                remove(&path).map_err(failed)?;
            }
            if closed == Offer::Elsewhere {
                tracing::info!(
                    "another replica holds the bootstrap token; if its file is lost, use `violentutf-api user create-admin`"
                );
            }
            Ok(None)
        }
    }
}

fn read(path: &Path) -> Option<Secret<String>> {
    let text = fs::read_to_string(path).ok()?.trim().to_owned();
    text.starts_with(TOKEN_PREFIX).then(|| Secret::new(text))
}

/// A token and whether it is ours: another process that starts in the same directory may be quicker.
fn make(service: &Service, path: &Path) -> io::Result<(Secret<String>, bool)> {
    let token = make_token(&mut *service.ambient.entropy());
    if data_dir::create_private(path, token.expose())? {
        return Ok((token, true));
    }
    if let Some(token) = read(path) {
        return Ok((token, false));
    }
    // What stands there is no token of ours.
    remove(path)?;
    data_dir::create_private(path, token.expose())?;
    Ok((token, true))
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Bootstrap(error.to_string())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
