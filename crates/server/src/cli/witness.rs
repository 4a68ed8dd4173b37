//! `witness`: cosigns the checkpoints of logs. It needs no database and no key-encryption key.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use vutf_audit::tlog::{Cosigner, witness::KnownLogs};
use vutf_kernel::{Ambient, Timestamp};

use super::{
    answer::table,
    failure::{FAILED, Failure, Outcome},
    healthcheck,
    output::Output,
    start,
    witness_args::{Place, WitnessAction, name},
};
use crate::{
    config::{Config, LogKey, Sources, load},
    service::Signals,
    telemetry,
    witness::{self, Bounds, DirectoryError, Known, Site, WitnessDirectory},
};

const GRACE: Duration = Duration::from_secs(5);

pub(super) async fn run(action: WitnessAction, sources: &Sources, out: &mut Output) -> Outcome {
    match action {
        WitnessAction::Init { name, place } => {
            let config = start::command(sources)?;
            init(&config, name, &place, out)
        }
        WitnessAction::Status { place } => status(&start::command(sources)?, &place, out),
        WitnessAction::Serve { log, listen, place } => {
            let loaded = load(sources)?;
            let telemetry = telemetry::init(&loaded.config)?;
            start::harden_always();
            let served = serve(&loaded.config, log, listen, &place, out).await;
            telemetry.shutdown().await;
            served
        }
    }
}

fn directory(config: &Config, place: &Place) -> WitnessDirectory {
    let configured = || config.witness.data_dir.clone();
    let path = place.dir.clone().or_else(configured);
    WitnessDirectory::new(path.unwrap_or_else(|| config.data_dir.join("witness")))
}

fn init(
    config: &Config,
    named: Option<vutf_audit::tlog::KeyName>,
    place: &Place,
    out: &mut Output,
) -> Outcome {
    let directory = directory(config, place);
    let (key, made) = bring_key(config, named, &directory)?;
    let path = directory.path().display();
    let word = if made {
        "The witness was made"
    } else {
        "The witness is there already"
    };
    let text = format!(
        "{word}, in {path}. Back its key up; never put an older copy of the rest back.\n\n  {}\n\n\
         Whoever runs a log names it with this key and your URL, in `audit.witnesses`.\n",
        key.key()
    );
    Ok(out.answer(
        &text,
        &json!({"vkey": key.key().to_string(), "directory": path.to_string(), "made": made}),
    )?)
}

/// The key that is there, or a new one if its name is known.
fn bring_key(
    config: &Config,
    named: Option<vutf_audit::tlog::KeyName>,
    directory: &WitnessDirectory,
) -> Result<(Cosigner, bool), Failure> {
    let configured = config.witness.name.as_deref().map(name).transpose();
    let configured = configured.map_err(|problem| Failure::Usage(format!("witness.name: {problem}")))?;
    match (named.or(configured), directory.key()?) {
        (Some(name), _) => Ok(directory.init(&name, &mut *Ambient::system().entropy())?),
        (None, Some(key)) => Ok((key, false)),
        (None, None) => {
            let text = "the witness has no key yet: run `violentutf-api witness init --name NAME`";
            Err(Failure::Usage(text.to_owned()))
        }
    }
}

async fn serve(
    config: &Config,
    logs: Vec<LogKey>,
    listen: Option<SocketAddr>,
    place: &Place,
    out: &mut Output,
) -> Outcome {
    let directory = directory(config, place);
    let keys: Vec<_> = config
        .witness
        .logs
        .iter()
        .cloned()
        .chain(logs)
        .map(|key| key.0)
        .collect();
    if keys.is_empty() {
        let text = "no log to follow: give the key of one with --log, or name it in witness.logs";
        return Err(Failure::Usage(text.to_owned()));
    }
    let logs = KnownLogs::new(keys).map_err(|error| Failure::Usage(error.to_string()))?;
    let (signer, _) = bring_key(config, None, &directory)?;
    let store = directory.open(signer.key().clone())?;
    // A file that is not ours is told at once, and not first when its log sends something.
    for (_, known) in directory.known(signer.key())? {
        known.last?;
    }
    let wanted = listen.unwrap_or_else(|| SocketAddr::new(config.witness.host, config.witness.port));
    let (socket, address) = bind(wanted)?;
    let signals = Signals::listen();
    let mut signals =
        signals.map_err(|error| Failure::Failed(format!("signals cannot be heard: {error}")))?;
    let site = Arc::new(Site {
        logs,
        signer,
        store,
        ambient: Ambient::system(),
    });
    let bounds = Bounds {
        connections: usize::try_from(config.witness.max_connections).unwrap_or(usize::MAX),
        grace: GRACE,
    };
    let server = witness::serve(socket, bounds, Arc::clone(&site)).map_err(|error| Failure::of(&error))?;
    let (handle, running) = (server.handle(), tokio::spawn(server));
    announce(address, &site, out)?;
    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    let stopped = tokio::time::timeout(GRACE * 2, async {
        handle.stop(true).await;
        running.await
    });
    if stopped.await.is_err() {
        tracing::warn!("requests were still under way after the grace period");
    }
    Ok(())
}

fn bind(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = TcpListener::bind(wanted).and_then(|socket| {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    bound.map_err(|error| {
        let text = format!(
            "cannot listen on {wanted}: {error}; choose another with --listen or VUTF__WITNESS__PORT"
        );
        Failure::Failed(text)
    })
}

fn announce(address: SocketAddr, site: &Site, out: &mut Output) -> Outcome {
    let url = format!("http://{}", healthcheck::reachable(address.ip(), address.port()));
    let vkey = site.signer.key().to_string();
    let origins: Vec<_> = site.logs.origins().map(ToString::to_string).collect();
    let text = format!(
        "The witness is ready.\n\n  submit to  {url}/add-checkpoint\n  key        {vkey}\n  follows    {}\n\nCtrl-C stops.\n",
        origins.join(", ")
    );
    out.answer(&text, &json!({"public": url, "vkey": vkey, "logs": origins}))?;
    Ok(out.flush()?)
}

fn status(config: &Config, place: &Place, out: &mut Output) -> Outcome {
    let directory = directory(config, place);
    let key = directory
        .key()?
        .ok_or_else(|| Failure::Failed(format!("there is no witness in {}", directory.path().display())))?;
    let known = directory.known(key.key())?;
    let wrong = known
        .iter()
        .any(|(_, known)| known.last.is_err() || known.evidence.0 > 0);
    let logs: Vec<Value> = known.iter().map(|(name, known)| described(name, known)).collect();
    let rows: Vec<_> = known.iter().map(|(name, known)| row(name, known)).collect();
    let titles = ["LOG", "SIZE", "COSIGNED", "FORKS", "DOUBTS"];
    let text = format!("{}\n\n{}", key.key(), table(titles, &rows));
    out.answer(&text, &json!({"vkey": key.key().to_string(), "logs": logs}))?;
    if wrong {
        out.flush()?;
        return Err(Failure::Told(FAILED));
    }
    Ok(())
}

fn cosigned_at(time: u64) -> String {
    Timestamp::from_secs(i64::try_from(time).unwrap_or(i64::MAX)).rfc3339()
}

fn described(name: &str, known: &Known) -> Value {
    let (forks, doubts) = known.evidence;
    match &known.last {
        Ok(last) => json!({
            "origin": last.checkpoint().origin.as_str(),
            "origin_hash": name,
            "size": last.checkpoint().size,
            "root": hex::encode(last.checkpoint().root),
            "cosigned_at": cosigned_at(last.time()),
            "forks": forks,
            "doubts": doubts,
        }),
        Err(problem) => json!({
            "origin_hash": name,
            "problem": problem.to_string(),
            "forks": forks,
            "doubts": doubts,
        }),
    }
}

fn row(name: &str, known: &Known) -> [String; 5] {
    let [forks, doubts] = [known.evidence.0, known.evidence.1].map(|count| count.to_string());
    match &known.last {
        Ok(last) => [
            last.checkpoint().origin.to_string(),
            last.checkpoint().size.to_string(),
            cosigned_at(last.time()),
            forks,
            doubts,
        ],
        Err(problem) => [
            name.to_owned(),
            "?".to_owned(),
            problem.to_string(),
            forks,
            doubts,
        ],
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        Self::Failed(error.to_string())
    }
}
