//! Log lines on standard error: JSON for machines, colours for people.

use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing_subscriber::{Layer, fmt::MakeWriter, registry::LookupSpan};

use crate::config::LogFormat;

/// The layer that writes lines in `format` to `writer`.
pub(super) fn layer<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let pretty = match format {
        LogFormat::Json => false,
        LogFormat::Pretty => true,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    if pretty {
        lines.with_ansi(std::io::stderr().is_terminal()).boxed()
    } else {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;
    use vutf_kernel::{Origin, Secret};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry().with(layer(format, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_carries_message_fields_and_span() {
        let text = logged(LogFormat::Json, || {
            let _span = tracing::info_span!("request", request_id = "r-1").entered();
            tracing::info!(duration_ms = 7, "answered");
        });
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "answered");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["duration_ms"], 7);
        assert_eq!(line["span"]["request_id"], "r-1");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_line_cannot_be_forged_by_what_is_logged() {
        let forged = "x\n{\"level\":\"INFO\",\"message\":\"forged\"}";
        let text = logged(LogFormat::Json, || tracing::info!(input = forged, "received"));
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn secrets_and_origins_are_redacted_by_their_types() {
        for format in [LogFormat::Json, LogFormat::Pretty] {
            let text = logged(format, || {
                let secret = Secret::new("planted-secret".to_owned());
                let origin = Origin {
                    ip: Some([192, 0, 2, 77].into()),
                    user_agent: Some("planted-secret".into()),
                };
                let span = tracing::info_span!("request", ?origin);
                span.in_scope(|| tracing::info!(?secret, ?origin, "received"));
            });
            assert!(text.contains("redacted"), "{text}");
            assert!(
                !text.contains("planted-secret") && !text.contains("192.0.2.77"),
                "{text}"
            );
        }
    }
}
