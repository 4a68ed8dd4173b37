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
    // Boxed here, so that no command carries all of it.
    let assembled = Box::pin(Service::assemble(
        Arc::new(config),
        Ambient::system(),
        Schema::Require,
    ));
    Ok(assembled.await?)
}

/// The context of the person at the command line.
pub(super) fn operator(service: &Service) -> Ctx {
    service.internal(vutf_kernel::Actor::Operator)
}

/// A core dump holds keys. None is written by any process of this program; in production, moreover, the process cannot be
/// attached to or read by others of its user, nor be dumped by a handler of the system that does not ask for limits.
pub(super) fn harden(config: &Config) {
    without_core_dumps();
    if config.is_production() {
        closed_to_debuggers();
    }
}

/// As in production, for a process that has no profile.
pub(super) fn harden_always() {
    without_core_dumps();
    closed_to_debuggers();
}

fn without_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        if let Err(error) = setrlimit(Resource::Core, none) {
            tracing::warn!(error = %error, "the limit on core dumps could not be set to 0");
        }
    }
}

fn closed_to_debuggers() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(error = %error, "the process could not be closed to debuggers");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn no_profile_leaves_a_core_dump_and_production_is_closed_to_debuggers() {
        let env = [
            ("VUTF__PROFILE", "production"),
            ("VUTF__KEYS__KEK_PASSPHRASE", "correct horse battery staple"),
        ];
        let sources = Sources {
            env: env.map(|(name, value)| (name.into(), value.into())).into(),
            ..Sources::default()
        };
        harden(&load(&Sources::default()).unwrap().config);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        harden(&load(&sources).unwrap().config);
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
