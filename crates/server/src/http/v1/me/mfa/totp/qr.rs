//! A QR code (ISO/IEC 18004) as a picture that needs nothing else: SVG without script, style sheet or link.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};
use vutf_kernel::Secret;

/// Light modules around it: section 6.3.8 of the standard.
const QUIET: i32 = 4;

/// The picture; `None` when there is more text than a code can hold.
pub(super) fn svg(text: &Secret<String>) -> Option<String> {
    let code = QrCode::encode_text(text.expose(), QrCodeEcc::Medium).ok()?;
    let side = code.size() + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                let _infallible = write!(path, "M{},{}h1v1h-1z", x + QUIET, y + QUIET);
            }
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0,0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_the_code_and_says_nothing_in_letters() {
        let uri = "otpauth://totp/id.example.org:grace?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=id.example.org";
        let svg = svg(&Secret::new(uri.to_owned())).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
        for word in ["grace", "GEZDG", "example", "script", "href"] {
            assert!(!svg.contains(word), "{word}");
        }
        let code = QrCode::encode_text(uri, QrCodeEcc::Medium).unwrap();
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = dark.filter(|(x, y)| code.get_module(*x, *y)).count();
        assert_eq!(svg.matches("h1v1h-1z").count(), dark);
    }

    #[test]
    fn what_no_code_can_hold_has_none() {
        assert!(svg(&Secret::new("x".repeat(3_000))).is_none());
    }
}
