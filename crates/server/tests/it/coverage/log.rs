//! The log as `audit export` writes it.

use std::collections::HashMap;

use serde_json::Value;
use vutf_audit::parse_body;
use vutf_kernel::{Actor, Outcome};

use super::Step;

/// One event.
pub(super) struct Entry {
    pub(super) body: Value,
}

/// All of them.
pub(super) struct Log {
    entries: Vec<Entry>,
    by_request: HashMap<String, Vec<usize>>,
}

impl Log {
    pub(super) fn parse(exported: &str) -> Self {
        let bodies = exported.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line["body"].take()
        });
        let entries: Vec<Entry> = bodies.map(|body| Entry { body }).collect();
        let mut by_request: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            by_request
                .entry(entry.text("/request_id").to_owned())
                .or_default()
                .push(place);
        }
        Self { entries, by_request }
    }

    /// The events of a request.
    pub(super) fn of(&self, request_id: &str) -> impl Iterator<Item = &Entry> {
        let places = self.by_request.get(request_id).into_iter().flatten();
        places.map(|place| &self.entries[*place])
    }

    /// NIST SP 800-53 AU-3, in 100 % of what was recorded.
    pub(super) fn assert_whole(&self) {
        assert!(self.entries.len() > 50, "{} events", self.entries.len());
        for entry in &self.entries {
            let missing = entry.missing();
            assert_eq!(missing, Vec::<&str>::new(), "{}", entry.body);
        }
    }
}

impl Entry {
    fn text(&self, pointer: &str) -> &str {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
    pub(super) fn action(&self) -> &str {
        self.text("/action")
    }
    pub(super) fn outcome(&self) -> &str {
        self.text("/outcome/result")
    }
    pub(super) fn reason(&self) -> &str {
        self.text("/outcome/reason")
    }

    /// What AU-3 asks for and the entry does not say.
    fn missing(&self) -> Vec<&'static str> {
        let Ok(body) = parse_body(self.body.to_string().as_bytes()) else {
            return vec!["a body that can be read"];
        };
        let (kind, verb) = body.action.split_once('.').unwrap_or_default();
        let on_the_machine = matches!(body.actor, Actor::Operator | Actor::System { .. });
        let reasoned = match &body.outcome {
            Outcome::Success => true,
            Outcome::Refused { reason } | Outcome::Failed { reason } => !reason.is_empty(),
        };
        let said = [
            ("a: what type of event", !kind.is_empty() && !verb.is_empty()),
            ("b: when", body.occurred_at.as_micros() > 0),
            (
                "c: where, the tenant and what was acted on",
                !body.organization_id.as_uuid().is_nil() && !body.resource.kind.is_empty(),
            ),
            (
                "d: source, the request and its network origin",
                !body.request_id.is_empty() && (on_the_machine || body.private.contains_key("source_ip")),
            ),
            ("e: outcome", reasoned),
            ("f: identity", !self.text("/actor/type").is_empty()),
        ];
        said.into_iter()
            .filter_map(|(field, there)| (!there).then_some(field))
            .collect()
    }

    /// What the entry says otherwise than the request was.
    pub(super) fn misfit(&self, step: &Step) -> Option<String> {
        let endpoint = step.endpoint;
        let actions = [Some(endpoint.action), endpoint.other_action()];
        let action = actions
            .into_iter()
            .flatten()
            .find(|action| action.name == self.action())?;
        if self.text("/resource/kind") != action.resource {
            return Some(format!("it is on a {}", action.resource));
        }
        if self.body.pointer("/private/user_agent").is_none() {
            return Some("the user agent is not sealed in it".to_owned());
        }
        let actor = (self.text("/actor/type"), self.text("/actor/user_id"));
        match &step.user {
            // Sent again, a token may be that of a session which has ended.
            Some(user) if step.by_key && actor != ("api_key", user) => {
                Some(format!("it was a key of {user}"))
            }
            Some(user) if !step.by_key && actor != ("user", user) && step.status != 401 => {
                Some(format!("it was {user}"))
            }
            // Whoever signs in is somebody from then on.
            None if step.status >= 400 && actor.0 == "user" && !endpoint.path.ends_with("/refresh") => {
                Some("nobody had proved who they are".to_owned())
            }
            _ => None,
        }
    }
}
