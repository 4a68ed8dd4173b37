//! What a stable code is.

use std::borrow::Cow;

use actix_web::http::StatusCode;

use super::codes::CODES;

/// A stable code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Without prefix, in snake_case.
    pub name: &'static str,
    /// The status it comes with.
    pub status: u16,
    /// `title` of the document.
    pub title: &'static str,
    /// What to do about it.
    pub mend: &'static str,
    /// Whether it stands for its status where nothing closer is known.
    pub generic: bool,
}

pub(super) const fn code(name: &'static str, status: u16, title: &'static str, mend: &'static str) -> Code {
    Code {
        name,
        status,
        title,
        mend,
        generic: false,
    }
}

pub(super) const fn generic(
    name: &'static str,
    status: u16,
    title: &'static str,
    mend: &'static str,
) -> Code {
    Code {
        generic: true,
        ..code(name, status, title, mend)
    }
}

/// Two tables as one of `N`, which is the sum of their lengths.
pub(super) const fn joined<const N: usize>(one: &[Code], other: &[Code]) -> [Code; N] {
    let mut all = [one[0]; N];
    let mut place = 0;
    while place < N {
        all[place] = if place < one.len() {
            one[place]
        } else {
            other[place - one.len()]
        };
        place += 1;
    }
    all
}

/// The title of a code; a code that is missing in the table is shown by the title of its status.
pub(super) fn title(name: &str, status: StatusCode) -> Cow<'static, str> {
    let by_name = CODES.iter().find(|code| code.name == name);
    let by_status = || {
        CODES
            .iter()
            .find(|code| code.status == status.as_u16() && code.generic)
    };
    by_name
        .or_else(by_status)
        .map_or(Cow::Borrowed("The request was refused"), |code| {
            Cow::Borrowed(code.title)
        })
}
