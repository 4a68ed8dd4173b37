//! `serve`: everything up, and a word about what to do next.

use std::{fmt::Write as _, net::SocketAddr, path::Path, sync::Arc};

use serde_json::json;
use vutf_kernel::Ambient;

use super::{
    failure::{Failure, Outcome},
    healthcheck,
    output::Output,
    start,
};
use crate::{
    config::{Loaded, Registration, Sources, load},
    service::{self, Running, Schema, Service},
    telemetry,
};

pub(super) async fn run(sources: &Sources, out: &mut Output) -> Outcome {
    let loaded = load(sources)?;
    let telemetry = telemetry::init(&loaded.config)?;
    start::harden(&loaded.config);
    let served = Box::pin(serve(loaded, out)).await;
    telemetry.shutdown().await;
    served
}

async fn serve(loaded: Loaded, out: &mut Output) -> Outcome {
    let config = Arc::new(loaded.config.clone());
    let service = Service::assemble(config, Ambient::system(), Schema::Migrate).await?;
    let announce = |running: &Running| {
        let told = tell(running, out).and_then(|()| out.flush());
        if let Err(error) = told {
            // Nobody reads; the service goes on.
            tracing::debug!(error = %error, "the first words could not be written");
        }
    };
    service::serve(loaded, service, announce)
        .await
        .map_err(Failure::from)
}

fn tell(running: &Running, out: &mut Output) -> std::io::Result<()> {
    let (public, management) = (url(running.public), url(running.management));
    let file = running
        .bootstrap
        .as_ref()
        .map(|bootstrap| bootstrap.path.as_path());
    let value = json!({"public": public, "management": management, "bootstrap_token_file": file});
    let config = &running.state.config;
    let reached = config.server.public_url.as_ref();
    let base = reached.map_or(public.as_str(), |url| url.as_str().trim_end_matches('/'));
    let mut text = format!(
        "ViolentUTF API is ready.\n\n  \
         API         {base}/api/v1\n  \
         documents   {public}/docs\n  \
         health      {public}/health/ready\n  \
         management  {management}/metrics\n"
    );
    if let Some(bootstrap) = &running.bootstrap {
        text.push_str(&first_administrator(&public, &bootstrap.path));
        if bootstrap.fresh {
            // The only time: later starts name the file alone.
            let _infallible = write!(
                text,
                "\nIts token, shown this once: {}\n",
                bootstrap.token.expose()
            );
        }
    }
    if !config.is_production() && config.identity.registration == Registration::Open {
        text.push_str(&first_user(&public));
    }
    text.push_str("\nCtrl-C stops.\n");
    out.answer(&text, &value)
}

fn first_administrator(public: &str, file: &Path) -> String {
    format!(
        "\nThere is no administrator yet. Make one with the token in {path}:\n\n  \
         curl -sS {public}/api/v1/bootstrap -H 'content-type: application/json' \\\n    \
         -d '{{\"token\":\"'\"$(cat {shell})\"'\",\"username\":\"admin\",\"email\":\"admin@example.org\",\
         \"password\":\"<at least 15 characters>\"}}'\n",
        path = file.display(),
        shell = for_shell(file),
    )
}

fn first_user(public: &str) -> String {
    format!(
        "\nRegister and sign in (development):\n\n  \
         curl -sS {public}/api/v1/auth/register -H 'content-type: application/json' \\\n    \
         -d '{{\"username\":\"grace\",\"email\":\"grace@example.org\",\"password\":\"<at least 15 characters>\"}}'\n  \
         curl -sS {public}/api/v1/auth/login -H 'content-type: application/json' \\\n    \
         -d '{{\"username\":\"grace\",\"password\":\"<at least 15 characters>\"}}'\n"
    )
}

/// A path as one word of a shell.
fn for_shell(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | '@');
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Where a client on this machine reaches a listener.
fn url(address: SocketAddr) -> String {
    format!("http://{}", healthcheck::reachable(address.ip(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(
            for_shell(Path::new("./data/bootstrap-token")),
            "./data/bootstrap-token"
        );
        assert_eq!(for_shell(Path::new("/a b/$(c)")), "'/a b/$(c)'");
        assert_eq!(for_shell(Path::new("/it's")), r"'/it'\''s'");
    }

    #[test]
    fn a_listener_on_every_address_is_reached_by_loopback() {
        assert_eq!(url("0.0.0.0:80".parse().unwrap()), "http://127.0.0.1:80");
        assert_eq!(url("[::]:80".parse().unwrap()), "http://[::1]:80");
        assert_eq!(url("192.0.2.1:80".parse().unwrap()), "http://192.0.2.1:80");
    }
}
