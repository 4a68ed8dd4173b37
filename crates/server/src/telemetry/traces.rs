//! Export of traces by OTLP over HTTP, and the W3C trace context of incoming requests.

use std::{collections::HashMap, sync::Arc, time::Duration};

use opentelemetry::{propagation::TextMapPropagator as _, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tokio::runtime::Runtime;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{TelemetryError, export::OnRuntime};
use crate::config;

/// Upper bound of one request to the collector.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Upper bound of the flush at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The export in operation.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    runtime: Runtime,
}

impl Traces {
    /// Starts it; `None` when no endpoint is configured.
    pub(super) fn start(settings: &config::Telemetry) -> Result<Option<Self>, TelemetryError> {
        let Some(endpoint) = &settings.otlp_endpoint else {
            return Ok(None);
        };
        // A runtime of its own: export neither takes a request's thread nor dies with one.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("traces")
            .enable_all()
            .build()?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
            .with_timeout(SEND_TIMEOUT)
            .build()?;
        let exporter = OnRuntime {
            inner: Arc::new(exporter),
            runtime: runtime.handle().clone(),
        };
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
        let resource = Resource::builder_empty()
            .with_service_name(settings.service_name.clone())
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Some(Self { provider, runtime }))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("violentutf-api")
    }

    /// Sends what waits, and stops. Blocks; never call it on a thread that drives futures.
    pub(super) fn shutdown(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
        self.runtime.shutdown_background();
    }
}

/// Makes `span` part of the caller's trace (W3C Trace Context). A malformed header starts a new trace instead.
pub fn continue_trace(span: &tracing::Span, traceparent: &str, tracestate: Option<&str>) {
    let mut headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    if let Some(tracestate) = tracestate {
        headers.insert("tracestate".to_owned(), tracestate.to_owned());
    }
    let parent = TraceContextPropagator::new().extract(&headers);
    // Fails when no traces are exported: then there is nothing to continue.
    let _not_exported = span.set_parent(parent);
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        sync::mpsc,
    };

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::config::{Sources, load};

    fn settings(endpoint: &str) -> config::Telemetry {
        let env = vec![("VUTF__TELEMETRY__OTLP_ENDPOINT".into(), endpoint.into())];
        load(&Sources {
            env,
            ..Sources::default()
        })
        .unwrap()
        .config
        .telemetry
    }

    /// Answers one request with 200 and hands out what it received.
    fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut chunk) = (Vec::new(), [0; 4_096]);
            while !is_complete(&request) {
                let count = stream.read(&mut chunk).unwrap();
                assert_ne!(count, 0, "the request is cut off");
                request.extend_from_slice(&chunk[..count]);
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            sender.send(request).unwrap();
        });
        (address, receiver)
    }

    fn is_complete(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request).to_ascii_lowercase();
        let length = text
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.lines().next()?.parse::<usize>().ok());
        let head = request.windows(4).position(|window| window == b"\r\n\r\n");
        matches!((head, length), (Some(head), Some(length)) if request.len() >= head + 4 + length)
    }

    fn holds(haystack: &[u8], needle: &[u8]) -> bool {
        haystack.windows(needle.len()).any(|window| window == needle)
    }

    #[test]
    fn spans_reach_the_collector_in_the_callers_trace_before_the_end() {
        let (address, received) = collector();
        let traces = Traces::start(&settings(&address)).unwrap().unwrap();
        let subscriber = tracing_subscriber::registry().with(crate::telemetry::export_layer(&traces));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("answer_request");
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            continue_trace(&span, parent, None);
            span.in_scope(|| ());
        });
        traces.shutdown();
        let request = received.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(request.starts_with(b"POST /v1/traces "));
        assert!(holds(&request, b"answer_request"));
        assert!(holds(&request, b"violentutf-api"));
        let trace_id = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
        assert!(holds(&request, &trace_id));
    }

    #[test]
    fn nothing_is_exported_unless_told_so() {
        let none = load(&Sources::default()).unwrap().config.telemetry;
        assert!(Traces::start(&none).unwrap().is_none());
    }

    #[test]
    fn a_collector_that_is_down_does_not_keep_the_process() {
        let traces = Traces::start(&settings("http://127.0.0.1:1")).unwrap().unwrap();
        let subscriber = tracing_subscriber::registry().with(crate::telemetry::export_layer(&traces));
        tracing::subscriber::with_default(subscriber, || tracing::info_span!("lost").in_scope(|| ()));
        traces.shutdown();
    }
}
