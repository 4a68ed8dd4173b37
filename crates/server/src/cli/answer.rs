//! How answers look.

use std::fmt::Write as _;

/// Columns under their titles, two blanks apart.
pub(super) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = titles.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    line(&mut out, &titles.map(str::to_owned), &widths);
    for row in rows {
        line(&mut out, row, &widths);
    }
    out
}

fn line(out: &mut String, cells: &[String], widths: &[usize]) {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let _infallible = write!(text, "{cell:width$}  ");
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

/// "expected a, b or c".
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing is accepted".to_owned(),
        [word] => format!("expected {word}"),
        [most @ .., last] => format!("expected {} or {last}", most.join(", ")),
    }
}

/// "1 event", "2 events".
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
