//! What a stable code is.

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
