//! What every command that touches something does first.

use std::sync::Arc;

use vutf_kernel::{Ambient, Ctx};

use super::{database, failure::Failure};
use crate::{
    config::{Config, Loaded, Origin, Sources, load},
    service::{Schema, Service},
    telemetry::{self, Telemetry},
};

/// The checked configuration of a command that is not `serve`. Its log is quiet unless a level was asked for, so that the
/// answer is all there is to see.
pub(super) fn command(sources: &Sources) -> Result<Config, Failure> {
    let Loaded {
        mut config, entries, ..
    } = load(sources)?;
    let asked = |path: &str| {
        let mut named = entries.iter().filter(|entry| entry.path == path);
        named.any(|entry| entry.origin != Origin::Default)
    };
    if !asked("log.level") {
        "warn".clone_into(&mut config.log.level);
    }
    // Traces of a command that runs for a second help nobody.
    config.telemetry.otlp_endpoint = None;
    let _nothing_to_flush: Telemetry = telemetry::init(&config)?;
    harden(&config);
    Ok(config)
}

/// A service without listeners, on a database that is there and up to date.
pub(super) async fn service(sources: &Sources) -> Result<Service, Failure> {
    let config = command(sources)?;
    database::must_exist(&config)?;
    Ok(Service::assemble(Arc::new(config), Ambient::system(), Schema::Require).await?)
}

/// The context of the person at the command line.
pub(super) fn operator(service: &Service) -> Ctx {
    service.internal(vutf_kernel::Actor::Operator)
}

/// A core dump holds keys: in production there is none, and no debugger may attach.
pub(super) fn harden(config: &Config) {
    if !config.is_production() {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(error = %error, "core dumps could not be disabled");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    use super::*;

    #[test]
    fn production_leaves_no_core_dump() {
        let env = [
            ("VUTF__PROFILE", "production"),
            ("VUTF__KEYS__KEK_PASSPHRASE", "correct horse battery staple"),
        ];
        let sources = Sources {
            env: env.map(|(name, value)| (name.into(), value.into())).into(),
            ..Sources::default()
        };
        harden(&load(&Sources::default()).unwrap().config);
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        harden(&load(&sources).unwrap().config);
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
