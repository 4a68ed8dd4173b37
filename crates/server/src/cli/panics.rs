//! A panic is told in one line like everything else, and tells no secret.

use std::{any::Any, panic::PanicHookInfo};

use super::output;

/// From now on panics of every thread are noted in the log, or on standard error while there is none.
pub fn note_panics() {
    std::panic::set_hook(Box::new(note));
}

fn note(info: &PanicHookInfo<'_>) {
    let message = told(info.payload());
    let place = info.location().map_or_else(String::new, ToString::to_string);
    if tracing::dispatcher::has_been_set() {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(
            panic = message,
            place,
            thread,
            "panicked: this is a defect of the program"
        );
    } else {
        output::complain(&format!("error: panicked at {place}: {message}"));
    }
}

/// A message that was put together at run time may quote what was being worked on: only literals are told.
fn told(payload: &(dyn Any + Send)) -> &'static str {
    let literal = payload.downcast_ref::<&'static str>();
    literal.copied().unwrap_or("(message withheld)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_told_and_a_quotation_is_not() {
        let of = |panic: fn()| std::panic::catch_unwind(panic).unwrap_err();
        assert_eq!(told(&*of(|| panic!("no leaf"))), "no leaf");
        let secret = of(|| std::panic::panic_any(format!("wrong: {}", "planted-secret")));
        assert_eq!(told(&*secret), "(message withheld)");
    }
}
