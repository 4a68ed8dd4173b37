//! What the service tells about itself: log lines, traces, metrics.
//!
//! Invariants:
//! - No secret and no PII reaches a line, a span or a label: such values have types that cannot be printed
//!   ([`vutf_kernel::Secret`], [`vutf_kernel::Origin`], the value types of identity).
//! - Labels of metrics come from small fixed sets, never from what a client sent.
//! - Nothing is exported to anywhere unless `telemetry.otlp_endpoint` is set.
//! - A collector that is down or slow costs spans, never requests.

mod analysis;
mod audit;
mod audit_export;
mod erasure;
mod export;
mod factors;
mod group;
mod keys;
mod logs;
mod mail;
mod metrics;
mod people;
mod process;
mod retention;
mod traces;
mod witnesses;

pub use analysis::AnalysisMetrics;
pub use audit::AuditMetrics;
pub use audit_export::AuditExportMetrics;
pub use erasure::ErasureMetrics;
pub use factors::FactorMetrics;
pub use group::GroupMetrics;
pub use keys::{KeyAge, KeyCacheCounts, KeyMetrics};
pub use metrics::{Metrics, PoolGauge};
pub use people::PeopleMetrics;
pub use retention::RetentionMetrics;
pub use traces::continue_trace;
pub use witnesses::{WitnessGauge, WitnessMetrics};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt as _, registry::LookupSpan,
};

use crate::config::Config;

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` holds no valid directives.
    #[error("log.level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter of traces cannot be built.
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The thread that sends traces cannot be started.
    #[error("the thread that sends traces cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// Another part of the process has set up logging before.
    #[error("logging was set up before")]
    Twice(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Telemetry in operation; keep it until the process ends.
#[must_use = "spans that wait for export are lost when this is dropped without `shutdown`"]
pub struct Telemetry {
    traces: Option<traces::Traces>,
}

impl Telemetry {
    /// Sends what still waits, and stops. Takes a few seconds at most, even when the collector is down.
    pub async fn shutdown(self) {
        if let Some(traces) = self.traces {
            // Flushing blocks its thread.
            if tokio::task::spawn_blocking(move || traces.shutdown())
                .await
                .is_err()
            {
                tracing::warn!("the last traces could not be sent");
            }
        }
    }
}

/// Sets up logging for the whole process, and the export of traces if an endpoint is configured. Once a process.
pub fn init(config: &Config) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&config.log.level)?;
    let traces = traces::Traces::start(&config.telemetry)?;
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(logs::layer(config.log.format, std::io::stderr))
        .with(traces.as_ref().map(export_layer));
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(Telemetry { traces })
}

/// The exporter's own requests are no traces: exporting them would never end.
fn export_layer<S>(traces: &traces::Traces) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    const TRANSPORT: [&str; 5] = ["hyper", "h2", "reqwest", "opentelemetry", "rustls"];
    let ours = filter_fn(|metadata| !TRANSPORT.iter().any(|name| metadata.target().starts_with(name)));
    tracing_opentelemetry::layer()
        .with_tracer(traces.tracer())
        .with_filter(ours)
}
