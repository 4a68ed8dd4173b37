//! How many guesses a password withstands: zxcvbn (Wheeler, USENIX Security 2016). It advises whoever chooses a password, and
//! decides nothing: what is refused, [`super::PasswordPolicy`] says.

use vutf_kernel::{Ctx, Secret};
use zxcvbn::zxcvbn;

use super::{HashError, PasswordContext, PasswordError, PasswordPolicy, policy::MAX_BYTES};
use crate::{DisplayName, Email, Identity, Username, action, refusal::use_case_error, work::About};

/// Asks how strong a password would be.
#[derive(Debug)]
pub struct Assess {
    /// The password as typed.
    pub password: Secret<String>,
    /// The name of the account, if it is known.
    pub username: Option<Username>,
    /// Its address.
    pub email: Option<Email>,
    /// What others see.
    pub display_name: Option<DisplayName>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Strength {
    /// 0 (too guessable) to 4 (very unguessable).
    pub score: u8,
    /// The decimal logarithm of the number of guesses.
    pub guesses_log10: f64,
    /// What makes it weak.
    pub warning: Option<String>,
    /// What would make it stronger.
    pub suggestions: Vec<String>,
    /// Why it would be refused.
    pub refusal: Option<PasswordError>,
}

use_case_error! {
    /// Why nothing was measured.
    AssessError {
    } {
        /// Nothing can be measured now.
        Busy(HashError);
    }
}

/// Measures a password. Nothing of it is kept: the event says that somebody asked, and no more.
pub async fn assess(ctx: &Ctx, id: &Identity, command: Assess) -> Result<Strength, AssessError> {
    // As much work as a small hash, so it waits where hashes wait.
    let permit = id.hasher.permit().await?;
    let found = permit.measure(&id.settings.password, command).await?;
    drop(permit);
    id.shown(ctx, About::kind(action::PASSWORD_ASSESS)).await?;
    Ok(found)
}

impl PasswordPolicy {
    /// Measures a password on the thread that calls. Of a long one the first 100 characters are measured, which can only make
    /// it look weaker; of one that no policy would let in, nothing.
    pub fn measure(&self, asked: &Assess) -> Strength {
        let context = PasswordContext {
            username: asked.username.as_ref(),
            email: asked.email.as_ref(),
            display_name: asked.display_name.as_ref(),
        };
        let refusal = self.check(&asked.password, context).err();
        if asked.password.expose().len() > MAX_BYTES {
            return Strength {
                score: 0,
                guesses_log10: 0.0,
                warning: None,
                suggestions: Vec::new(),
                refusal,
            };
        }
        let words = self.context_words(context);
        let words: Vec<&str> = words.iter().map(|word| word.expose().as_str()).collect();
        let found = zxcvbn(asked.password.expose(), &words);
        let feedback = found.feedback();
        Strength {
            score: found.score().into(),
            guesses_log10: if found.guesses_log10().is_finite() {
                found.guesses_log10()
            } else {
                0.0
            },
            warning: feedback
                .and_then(zxcvbn::feedback::Feedback::warning)
                .map(|text| text.to_string()),
            suggestions: feedback.map_or_else(Vec::new, |feedback| {
                feedback.suggestions().iter().map(ToString::to_string).collect()
            }),
            refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measured(password: &str) -> Strength {
        let asked = Assess {
            password: Secret::new(password.to_owned()),
            username: Username::parse("lovelace").ok(),
            email: Email::parse("countess@example.org").ok(),
            display_name: None,
        };
        PasswordPolicy::default().measure(&asked)
    }

    #[test]
    fn a_long_phrase_is_strong_and_a_common_word_is_weak_and_says_why() {
        let strong = measured("seven quiet copper lanterns");
        assert_eq!((strong.score, strong.refusal), (4, None));
        let weak = measured("password");
        assert_eq!(weak.score, 0);
        assert!(weak.warning.is_some() && weak.guesses_log10 < 2.0, "{weak:?}");
        assert_eq!(
            weak.refusal.map(|refusal| refusal.code),
            Some("password_too_short")
        );
        let own = measured("lovelacecountess");
        assert!(own.score <= 1, "{own:?}");
        assert_eq!(own.refusal.map(|refusal| refusal.code), Some("password_context"));
        assert_eq!(measured("").score, 0);
    }

    /// What is long costs no more than what is as long as is looked at.
    #[test]
    fn a_password_of_any_size_is_answered_in_bounded_time() {
        let huge = "\u{1F600}aA1!".repeat(140_000);
        let found = measured(&huge);
        assert_eq!(
            found.refusal.map(|refusal| refusal.code),
            Some("password_too_long")
        );
        for worst in [
            "aA1!".repeat(256),
            "19901990".repeat(128),
            "qwertyuiop".repeat(102),
            "abcabd".repeat(170),
        ] {
            let begun = std::time::Instant::now();
            assert!(measured(&worst).guesses_log10 > 0.0);
            let took = begun.elapsed();
            assert!(took < std::time::Duration::from_secs(5), "{took:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn measuring_never_panics(password in ".{0,120}") {
            let found = measured(&password);
            prop_assert!(found.score <= 4 && found.guesses_log10.is_finite());
        }
    }
}
