//! `openapi`: the API document.

use super::{
    failure::{Failure, Outcome},
    output::Output,
};
use crate::openapi;

pub(super) fn run(out: &mut Output) -> Outcome {
    let text = openapi::pretty().map_err(|error| Failure::of(&error))?;
    Ok(out.text(&text)?)
}
