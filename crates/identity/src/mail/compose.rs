//! The words of each mail, as plain text and as HTML.
//!
//! A link is made of the site's configured address and of nothing that a request said: whoever sends a request with a name of
//! their own in its `Host` header would otherwise be sent the token by whoever follows the link. The token stands in the
//! fragment, which browsers send to no server, so that it is in no access log and in no `Referer`.

use std::fmt::Write as _;

use vutf_kernel::{Mail, Secret};

use super::{Letter, MailKind};

/// Where links lead.
#[derive(Clone, Debug)]
pub struct Site {
    base: String,
}

struct Words {
    subject: &'static str,
    /// What happened, and what to do.
    says: &'static [&'static str],
    /// The page on which the link is used, and what stands on it.
    page: Option<(&'static str, &'static str)>,
}

impl Site {
    /// Of a configured `https://` URL, with or without a path.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Host and port, as people read them.
    fn name(&self) -> &str {
        let after = self
            .base
            .split_once("://")
            .map_or(self.base.as_str(), |(_, rest)| rest);
        after.split('/').next().unwrap_or(after)
    }

    /// The mail; `None` for what is no letter or cannot be read.
    pub fn compose(&self, letter: &Letter) -> Option<Mail> {
        let (words, content) = (words(letter.kind)?, letter.content.as_ref()?);
        let link = match (words.page, &content.token) {
            (Some((page, label)), Some(token)) => {
                let link = format!("{}/{page}#token={}", self.base, token.expose());
                Some((label, Secret::new(link)))
            }
            (None, None) => None,
            _ => return None,
        };
        let name = content.name.as_ref().map(|name| name.expose().as_str());
        let until = letter.expires_at.to_string();
        let link_of = link
            .as_ref()
            .map(|(label, link)| (*label, link.expose().as_str()));
        Some(Mail {
            to: vec![content.to.expose().clone()],
            subject: format!("{} ({})", words.subject, self.name()),
            text: self.text(&words, name, link_of, &until),
            html: Some(self.html(&words, name, link_of, &until)),
            reference: format!("{}-{}", letter.kind.as_str(), letter.id),
            link: link.map(|(_, link)| link),
        })
    }

    fn text(&self, words: &Words, name: Option<&str>, link: Option<(&str, &str)>, until: &str) -> String {
        let mut text = match name {
            Some(name) => format!("Hello {name},\n\n"),
            None => "Hello,\n\n".to_owned(),
        };
        for line in words.says {
            let _infallible = write!(text, "{line}\n\n");
        }
        if let Some((label, link)) = link {
            let _infallible = write!(
                text,
                "{label}:\n\n{link}\n\nThe link works once, until {until}.\n\n"
            );
        }
        let _infallible = writeln!(text, "{}", self.name());
        text
    }

    fn html(&self, words: &Words, name: Option<&str>, link: Option<(&str, &str)>, until: &str) -> String {
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head><body>\n",
            escaped(words.subject)
        );
        let _infallible = match name {
            Some(name) => writeln!(html, "<p>Hello {},</p>", escaped(name)),
            None => writeln!(html, "<p>Hello,</p>"),
        };
        for line in words.says {
            let _infallible = writeln!(html, "<p>{}</p>", escaped(line));
        }
        if let Some((label, link)) = link {
            let _infallible = writeln!(
                html,
                "<p><a href=\"{link}\" rel=\"noreferrer\">{label}</a></p>\n<p>Or copy it: <code>{link}</code></p>\n\
                 <p>The link works once, until {until}.</p>",
                link = escaped(link),
                label = escaped(label),
                until = escaped(until),
            );
        }
        let _infallible = writeln!(html, "<p>{}</p>\n</body></html>", escaped(self.name()));
        html
    }
}

/// For text and for attributes in double quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

const NOT_YOU: &str = "If this was not you, do nothing: without the link nothing changes.";
const ACT: &str = "If this was not you, set a new password at once, and tell an administrator.";

fn words(kind: MailKind) -> Option<Words> {
    linked(kind).or_else(|| noticed(kind))
}

/// Of mail with a link.
fn linked(kind: MailKind) -> Option<Words> {
    let with = |subject, says, page, label| Words {
        subject,
        says,
        page: Some((page, label)),
    };
    Some(match kind {
        MailKind::Verification => with(
            "Confirm your e-mail address",
            &[
                "An account was made with this address. Confirm that it is yours, and you can sign in.",
                NOT_YOU,
            ],
            "verify-email",
            "Confirm the address",
        ),
        MailKind::Reset => with(
            "Set a new password",
            &[
                "Somebody asked to set a new password for your account. It ends all of its sessions.",
                NOT_YOU,
            ],
            "reset-password",
            "Set a new password",
        ),
        MailKind::EmailChange => with(
            "Confirm your new e-mail address",
            &["Somebody wants to use this address for their account.", NOT_YOU],
            "confirm-email",
            "Use this address",
        ),
        MailKind::EmailObjection => with(
            "Your e-mail address is about to change",
            &[
                "Somebody in your account asked to change its e-mail address. If this was you, do nothing.",
                "If this was not you, object: the address stays or comes back, all sessions end, the password is \
                 removed, and you are sent a link to set a new one.",
            ],
            "object-email",
            "Object",
        ),
        MailKind::Lockout => with(
            "Wrong passwords for your account",
            &[
                "Somebody gave several wrong passwords for your account. It takes no password for a while.",
                "If this was you, you need not wait. If it was not, do nothing: nobody came in.",
            ],
            "unlock",
            "Sign in again now",
        ),
        MailKind::Invitation => with(
            "You are invited to make an account",
            &[
                "An administrator invites you to make an account with this address.",
                "If you do not know why, do nothing: without the link there is no account.",
            ],
            "register",
            "Make an account",
        ),
        _ => return None,
    })
}

/// Of notices.
fn noticed(kind: MailKind) -> Option<Words> {
    let notice = |subject, says| Words {
        subject,
        says,
        page: None,
    };
    Some(match kind {
        MailKind::EmailChanged => notice(
            "Your e-mail address was changed",
            &[
                "The e-mail address of your account is another one now. This address is not used any more.",
                "If this was not you, object with the link in the mail that announced it.",
            ],
        ),
        MailKind::PasswordReset => notice(
            "Your password was reset",
            &[
                "The password of your account was set with a link from a mail. All sessions have ended.",
                ACT,
            ],
        ),
        MailKind::PasswordChanged => notice(
            "Your password was changed",
            &["The password of your account was changed.", ACT],
        ),
        MailKind::FactorEnrolled => notice(
            "A second factor was added",
            &[
                "An authenticator app was added to your account. It is asked for at every sign-in.",
                ACT,
            ],
        ),
        MailKind::FactorRemoved => notice(
            "Your second factor was removed",
            &[
                "The authenticator app of your account was removed, and the backup codes if it was the last factor.",
                ACT,
            ],
        ),
        MailKind::PasskeyAdded => notice(
            "A passkey was added",
            &[
                "A passkey was added to your account. Whoever has it can sign in.",
                ACT,
            ],
        ),
        MailKind::PasskeyRemoved => notice(
            "A passkey was removed",
            &["One of the passkeys of your account was removed.", ACT],
        ),
        MailKind::PasskeyCopied => notice(
            "A passkey was refused",
            &[
                "A sign-in with one of your passkeys was refused: its counter went backwards, as it does when there is a copy of it.",
                "Remove the passkey, register your authenticator anew, and end the other sessions.",
            ],
        ),
        MailKind::ErasureRequested => notice(
            "Your account is to be erased",
            &[
                "Somebody in your account asked to erase it, with all that is held about you. It is done after some days, and \
                 cannot be undone.",
                "To keep the account, sign in before then and take it back. Your account page shows the day.",
                ACT,
            ],
        ),
        MailKind::ErasureCancelled => notice(
            "Your account is not erased",
            &["The request to erase your account was taken back.", ACT],
        ),
        MailKind::InactivityWarning => notice(
            "Your account is about to be switched off",
            &[
                "Nobody has used your account for a long time. It will be switched off in some days.",
                "To keep it, sign in once.",
            ],
        ),
        MailKind::DataExported => notice(
            "Your data was exported",
            &["All that is held about you was taken out of your account.", ACT],
        ),
        MailKind::FactorReset => notice(
            "Your second factor was reset",
            &[
                "An administrator removed the authenticator app, the passkeys and the backup codes of your account. All sessions have ended.",
                ACT,
            ],
        ),
        MailKind::GlassBroken => notice(
            "The account for emergencies was opened",
            &[
                "Somebody broke the glass: a session that has every right, bounded by no policy, began just now. You are told because \
                 you are an administrator.",
                "If you do not know of an emergency, end it: seal the account anew from the machine, and look at what the session did \
                 in the audit log.",
            ],
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{MailId, OrganizationId, OsEntropy, RequestId, SystemClock, Timestamp};

    use super::*;
    use crate::mail::Content;

    fn letter(kind: MailKind, name: &str) -> Letter {
        Letter {
            id: MailId::generate(&SystemClock, &mut OsEntropy),
            organization_id: OrganizationId::DEFAULT,
            user_id: None,
            kind,
            request_id: RequestId::parse("r").unwrap(),
            content: Some(Content {
                to: Secret::new("ada@example.org".to_owned()),
                token: kind.has_link().then(|| Secret::new("t0ken".to_owned())),
                name: Some(Secret::new(name.to_owned())),
            }),
            attempts: 0,
            due_at: Timestamp::from_secs(1),
            expires_at: Timestamp::from_secs(1_800_000_000),
            created_at: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn every_letter_has_words_and_every_link_is_the_sites_own() {
        for kind in MailKind::ALL {
            let mail = Site::new("https://id.example.org/").compose(&letter(*kind, "ada"));
            assert_eq!(mail.is_none(), kind.is_request());
            let Some(mail) = mail else { continue };
            let html = mail.html.clone().unwrap();
            assert!(mail.subject.ends_with("(id.example.org)") && !mail.subject.contains('\n'));
            assert!(mail.text.contains("ada") && html.contains("ada"));
            assert_eq!(mail.link.is_some(), kind.has_link());
            if let Some(link) = &mail.link {
                assert!(link.expose().starts_with("https://id.example.org/"));
                assert!(
                    link.expose().ends_with("#token=t0ken"),
                    "the token is in the fragment"
                );
                assert!(mail.text.contains(link.expose()) && html.contains(link.expose()));
            }
            assert!(!format!("{mail:?}").contains("t0ken"));
        }
    }

    #[test]
    fn nothing_in_a_name_becomes_markup() {
        let mail = Site::new("https://id.example.org").compose(&letter(MailKind::Reset, "<img src=\"x\">'&"));
        let html = mail.unwrap().html.unwrap();
        assert!(html.contains("&lt;img src=&quot;x&quot;&gt;&#39;&amp;") && !html.contains("<img"));
    }
}
