//! How a raw value becomes a typed one. An environment variable is always text; a file also has numbers and lists.

use std::{net::IpAddr, path::PathBuf};

use toml::Value;
use vutf_kernel::Secret;

/// A type that a setting may have.
pub(super) trait Setting: Sized {
    /// For the reference and for messages, e.g. `whole number`.
    const KIND: &'static str;
    /// Whether the value must never be shown, not even in the message about a mistake in it.
    const SECRET: bool = false;
    /// Reads it; the error says what was expected and, unless it is secret, what was found.
    fn parse(value: &Value) -> Result<Self, String>;
    /// As a person would write it; secrets masked.
    fn show(&self) -> String;
    /// Whether the value lies under `floor`.
    fn is_below(&self, _floor: &Self) -> bool {
        false
    }
}

/// The text of a value that must be text. Never echoes the value, which may be a misplaced secret.
pub(super) fn text<'v>(value: &'v Value, expected: &str) -> Result<&'v str, String> {
    value
        .as_str()
        .map(str::trim)
        .ok_or_else(|| format!("expected {expected}, found {}", kind_of(value)))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

macro_rules! whole_numbers {
    ($($ty:ty),+) => {$(
        impl Setting for $ty {
            const KIND: &'static str = "whole number";
            fn parse(value: &Value) -> Result<Self, String> {
                let wrong = |found: &str| {
                    format!("expected a whole number from {} to {}, found {found}", <$ty>::MIN, <$ty>::MAX)
                };
                match value {
                    Value::Integer(number) => <$ty>::try_from(*number).map_err(|_| wrong(&number.to_string())),
                    Value::String(text) => text.trim().parse().map_err(|_| wrong(&format!("{text:?}"))),
                    other => Err(wrong(kind_of(other))),
                }
            }
            fn show(&self) -> String {
                self.to_string()
            }
            fn is_below(&self, floor: &Self) -> bool {
                self < floor
            }
        }
    )+};
}
whole_numbers!(u16, u32);

impl Setting for bool {
    const KIND: &'static str = "`true` or `false`";
    fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::Boolean(flag) => Ok(*flag),
            Value::String(text) if text.trim() == "true" => Ok(true),
            Value::String(text) if text.trim() == "false" => Ok(false),
            Value::String(text) => Err(format!("expected true or false, found {text:?}")),
            other => Err(format!("expected true or false, found {}", kind_of(other))),
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A share from 0 to 1.
impl Setting for f64 {
    const KIND: &'static str = "number";
    fn parse(value: &Value) -> Result<Self, String> {
        let number = match value {
            Value::Float(number) => Some(*number),
            Value::Integer(number) => i32::try_from(*number).ok().map(Self::from),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| format!("expected a number, found {}", kind_of(value)))
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn is_below(&self, floor: &Self) -> bool {
        self < floor
    }
}

impl Setting for String {
    const KIND: &'static str = "text";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, Self::KIND)?;
        if text.is_empty() {
            return Err("expected text, found nothing".into());
        }
        Ok(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}

impl Setting for PathBuf {
    const KIND: &'static str = "path";
    fn parse(value: &Value) -> Result<Self, String> {
        String::parse(value).map(Self::from)
    }
    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for IpAddr {
    const KIND: &'static str = "IP address";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, Self::KIND)?;
        text.parse()
            .map_err(|_| format!("expected an IP address such as 127.0.0.1, found {text:?}"))
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for Secret<String> {
    const KIND: &'static str = "secret text";
    const SECRET: bool = true;
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, Self::KIND)?;
        if text.is_empty() {
            return Err("expected secret text, found nothing".into());
        }
        Ok(Self::new(text.to_owned()))
    }
    fn show(&self) -> String {
        "(set, not shown)".into()
    }
}

impl<T: Setting> Setting for Option<T> {
    const KIND: &'static str = T::KIND;
    const SECRET: bool = T::SECRET;
    fn parse(value: &Value) -> Result<Self, String> {
        T::parse(value).map(Some)
    }
    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "(unset)".into(), T::show)
    }
    fn is_below(&self, floor: &Self) -> bool {
        matches!((self, floor), (Some(value), Some(floor)) if value.is_below(floor))
    }
}

/// A list; in the environment, separated by commas.
impl<T: Setting> Setting for Vec<T> {
    const KIND: &'static str = const_list(T::KIND);
    const SECRET: bool = T::SECRET;
    fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => items.iter().map(T::parse).collect(),
            Value::String(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| T::parse(&Value::String(item.to_owned())))
                .collect(),
            other => Err(format!("expected a {}, found {}", Self::KIND, kind_of(other))),
        }
    }
    fn show(&self) -> String {
        let items: Vec<_> = self.iter().map(T::show).collect();
        format!("[{}]", items.join(", "))
    }
}

/// Names the list types that exist; a new element type gets its own line here.
const fn const_list(kind: &'static str) -> &'static str {
    match kind.as_bytes() {
        b"duration" => "list of durations",
        b"network" => "list of networks",
        b"text" => "list of texts",
        b"`file`, `pkcs11`, `aws-kms` or `vault-transit`" => {
            "list of `file`, `pkcs11`, `aws-kms`, `vault-transit`"
        }
        b"`users`, `sessions` or `roles`" => "list of `users`, `sessions`, `roles`",
        b"witness" => "list of witnesses",
        b"key of a log" => "list of keys of logs",
        b"http(s) URL" => "list of http(s) URLs",
        _ => "list",
    }
}
