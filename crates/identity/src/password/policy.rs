//! What a password must be like: NIST SP 800-63B-4 §3.1.1.2 and OWASP ASVS 5.0 §6.2. Long, not one of those that are guessed
//! first, not a word of the context; no rules about its composition, no periodic change, unless [`LegacyPolicy`] has them.

use std::{fmt, sync::Arc};

use unicode_normalization::UnicodeNormalization;
use vutf_kernel::{Class, Secret};

use super::{blocklist::Blocklist, breach::BreachRanges, legacy::LegacyPolicy};
use crate::{DisplayName, Email, Username};

/// Longer passwords are refused, never cut. ASVS 5.0 §6.2.9 asks for at least 64 characters; 1 KiB is ample for a passphrase.
pub const MAX_BYTES: usize = 1_024;

/// No password is shorter, whatever is asked for beside it: SP 800-63B-4 §3.1.1.2.
const FLOOR: usize = 8;
/// Words shorter than this are not looked for: they occur in good passwords.
const CONTEXT_WORD_MIN: usize = 4;
/// So many characters must remain when the words of the context are taken out.
const REMAINDER_MIN: usize = 8;
/// What is said over and over again is as short as what is said: so much of it is nothing.
const SHORTEST_UNIT: usize = 3;
const PRODUCT: &str = "violentutf";

/// What a password must be like.
#[derive(Clone)]
pub struct PasswordPolicy {
    min_length: usize,
    min_length_beside: usize,
    legacy: LegacyPolicy,
    lists: Arc<[Blocklist]>,
    words: Arc<[String]>,
    ranges: Option<Arc<dyn BreachRanges>>,
}

impl fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPolicy")
            .field("min_length", &self.min_length)
            .field("min_length_beside", &self.min_length_beside)
            .field("legacy", &self.legacy)
            .field("lists", &self.lists.len())
            .field("words", &self.words.len())
            .field("ranges", &self.ranges.is_some())
            .finish()
    }
}

/// Why a password was refused: a stable code and a sentence that says what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PasswordError {
    /// Stable code, e.g. `password_too_short`.
    pub code: &'static str,
    /// For the person who typed it.
    pub detail: String,
}

impl PasswordError {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
    /// The request itself is wrong.
    pub fn class(&self) -> Class {
        Class::Invalid
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

/// The minimum length that was configured is below the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the minimum length of passwords must be 8 to 64 characters")]
pub struct MinLengthError;

/// For what a password is long enough. Nothing else is known of its length once it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// It may be the only factor.
    Alone,
    /// It is good only where a sign-in asks for a second factor, too.
    BesideFactor,
}

/// Whose password it is to be, as far as that is known.
#[derive(Clone, Copy, Default)]
pub struct PasswordContext<'a> {
    /// The username.
    pub username: Option<&'a Username>,
    /// The e-mail address.
    pub email: Option<&'a Email>,
    /// What others see.
    pub display_name: Option<&'a DisplayName>,
}

impl<'a> PasswordContext<'a> {
    /// Of a new account.
    pub fn new(username: &'a Username, email: &'a Email) -> Self {
        Self {
            username: Some(username),
            email: Some(email),
            display_name: None,
        }
    }
    /// With the name that others see.
    #[must_use]
    pub fn named(self, display_name: Option<&'a DisplayName>) -> Self {
        Self { display_name, ..self }
    }
    /// The words that whoever knows the person tries first, longest first so that a part does not hide the whole.
    pub(crate) fn words(&self) -> Vec<Secret<String>> {
        let mut words = Vec::new();
        if let Some(username) = self.username {
            words.push(username.expose());
        }
        if let Some(email) = self.email {
            let (local, domain) = email.expose().split_once('@').unwrap_or((email.expose(), ""));
            words.extend([email.expose(), local, domain]);
            words.extend(domain.split('.'));
        }
        if let Some(name) = self.display_name {
            words.push(name.expose());
            words.extend(name.expose().split_whitespace());
        }
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let folded = words.into_iter().map(|word| Secret::new(word.to_lowercase()));
        folded.collect()
    }
}

impl fmt::Debug for PasswordContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordContext(redacted)")
    }
}

impl Default for PasswordPolicy {
    /// 15 characters where it is the only factor, 8 beside a second one: SP 800-63B-4 §3.1.1.2; and none of the list of this crate.
    fn default() -> Self {
        Self {
            min_length: 15,
            min_length_beside: FLOOR,
            legacy: LegacyPolicy::default(),
            lists: Arc::new([Blocklist::built_in()]),
            words: Arc::new([]),
            ranges: None,
        }
    }
}

impl PasswordPolicy {
    /// A policy with another minimum length, in code points of the NFC form. The floor of 8 is SP 800-63B-4's for a password
    /// beside a second factor; a minimum above 64 would refuse what the standard says must be accepted.
    pub fn new(min_length: usize) -> Result<Self, MinLengthError> {
        if (FLOOR..=64).contains(&min_length) {
            Ok(Self {
                min_length,
                ..Self::default()
            })
        } else {
            Err(MinLengthError)
        }
    }
    /// With another minimum for whoever has a second factor: the floor is that of [`Self::new`], and it is no longer than the minimum
    /// of a password that is the only factor.
    pub fn beside_factor(self, min_length: usize) -> Result<Self, MinLengthError> {
        if (FLOOR..=self.min_length).contains(&min_length) {
            Ok(Self {
                min_length_beside: min_length,
                ..self
            })
        } else {
            Err(MinLengthError)
        }
    }
    /// With rules from which the standard departed.
    #[must_use]
    pub fn with_legacy(self, legacy: LegacyPolicy) -> Self {
        Self { legacy, ..self }
    }
    /// The rules from which the standard departed.
    pub fn legacy(&self) -> &LegacyPolicy {
        &self.legacy
    }
    /// With a list beside the one that comes with this crate.
    #[must_use]
    pub fn also_refusing(self, list: Blocklist) -> Self {
        let lists = self.lists.iter().cloned().chain([list]).collect();
        Self { lists, ..self }
    }
    /// With words that everybody here thinks of first, such as the organisation's name.
    #[must_use]
    pub fn with_words(self, words: impl IntoIterator<Item = String>) -> Self {
        let words = words.into_iter().map(|word| word.to_lowercase()).collect();
        Self { words, ..self }
    }
    /// With a corpus of breached passwords that is asked by range.
    #[must_use]
    pub fn asking(self, ranges: Arc<dyn BreachRanges>) -> Self {
        Self {
            ranges: Some(ranges),
            ..self
        }
    }
    /// Where breached passwords are asked for, if anywhere.
    pub fn ranges(&self) -> Option<&dyn BreachRanges> {
        self.ranges.as_deref()
    }
    /// The minimum length in code points of a password that is the only factor.
    pub fn min_length(&self) -> usize {
        self.min_length
    }
    /// The minimum length in code points of a password beside a second factor.
    pub fn min_length_beside(&self) -> usize {
        self.min_length_beside
    }
    /// Checks a new password that may be the only factor.
    pub fn check(
        &self,
        password: &Secret<String>,
        context: PasswordContext<'_>,
    ) -> Result<(), PasswordError> {
        self.judge(password, context, false).map(|_| ())
    }
    /// Checks a new password, and says for what it is long enough; `has_factor`: every sign-in with it asks for a second factor.
    pub fn judge(
        &self,
        password: &Secret<String>,
        context: PasswordContext<'_>,
        has_factor: bool,
    ) -> Result<Length, PasswordError> {
        if password.expose().len() > MAX_BYTES {
            let detail = format!("use at most {MAX_BYTES} bytes");
            return Err(PasswordError::new("password_too_long", detail));
        }
        let password = normalized(password);
        if password.expose().chars().any(char::is_control) {
            let detail = "use no control characters";
            return Err(PasswordError::new("password_characters", detail));
        }
        let length = self.length(&password, has_factor)?;
        self.legacy.check(&password)?;
        if self.is_common(&password) {
            let detail = "it is on the list of passwords that are guessed first; use several words that do not belong together";
            return Err(PasswordError::new("password_common", detail));
        }
        if self.repeats(&password) {
            let detail = "it says the same over and over again, or counts; use several words that do not belong together";
            return Err(PasswordError::new("password_repetitive", detail));
        }
        if self.is_mostly_context(&password, context) {
            let detail =
                "do not build it from your name, your address, your organisation or the name of this service";
            return Err(PasswordError::new("password_context", detail));
        }
        Ok(length)
    }

    fn length(&self, password: &Secret<String>, has_factor: bool) -> Result<Length, PasswordError> {
        match password.expose().chars().count() {
            count if count >= self.min_length => Ok(Length::Alone),
            count if has_factor && count >= self.min_length_beside => Ok(Length::BesideFactor),
            _ => Err(self.too_short(has_factor)),
        }
    }

    pub(crate) fn too_short(&self, has_factor: bool) -> PasswordError {
        let least = if has_factor {
            self.min_length_beside
        } else {
            self.min_length
        };
        PasswordError::new("password_too_short", format!("use at least {least} characters"))
    }

    /// The words that a guesser would try first for this person.
    pub(crate) fn context_words(&self, context: PasswordContext<'_>) -> Vec<Secret<String>> {
        let mut words = context.words();
        words.extend(self.words.iter().cloned().map(Secret::new));
        words.push(Secret::new(PRODUCT.to_owned()));
        words.retain(|word| word.expose().chars().count() >= CONTEXT_WORD_MIN);
        words
    }

    /// The whole of it, never a part: SP 800-63B-4 §3.1.1.2.
    fn is_common(&self, password: &Secret<String>) -> bool {
        self.lists.iter().any(|list| list.contains(password.expose()))
    }

    /// Whether it is one short or common text again and again, or a run such as `abcdefgh`: its length is none.
    fn repeats(&self, password: &Secret<String>) -> bool {
        let folded = Secret::new(password.expose().to_lowercase());
        let characters: Vec<char> = folded.expose().chars().collect();
        let unit = period(&characters);
        if unit * 2 <= characters.len() {
            let text = Secret::new(characters.iter().take(unit).collect::<String>());
            return unit <= SHORTEST_UNIT || self.is_common(&text);
        }
        let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
        let mut steps = characters.windows(2).map(step);
        let first = steps.next();
        first.is_some_and(|first| first.abs() == 1 && steps.all(|step| step == first))
    }

    fn is_mostly_context(&self, password: &Secret<String>, context: PasswordContext<'_>) -> bool {
        let mut rest = Secret::new(password.expose().to_lowercase());
        let mut found = false;
        for word in self.context_words(context) {
            if rest.expose().contains(word.expose().as_str()) {
                found = true;
                rest = Secret::new(rest.expose().replace(word.expose().as_str(), ""));
            }
        }
        found && rest.expose().chars().filter(|c| c.is_alphanumeric()).count() < REMAINDER_MIN
    }
}

/// The length of the shortest text that `characters` repeats, the last time perhaps cut short (Knuth, Morris and Pratt).
fn period(characters: &[char]) -> usize {
    let mut borders = vec![0_usize; characters.len()];
    let mut border = 0;
    for at in 1..characters.len() {
        while border > 0 && characters[at] != characters[border] {
            border = borders[border - 1];
        }
        if characters[at] == characters[border] {
            border += 1;
        }
        borders[at] = border;
    }
    characters.len() - border
}

/// NFC, the form in which a password is counted and hashed: the same characters typed on two systems are the same password.
pub(crate) fn normalized(password: &Secret<String>) -> Secret<String> {
    // Reserved at once, because a string that grows leaves copies of its start behind.
    let mut text = String::with_capacity(password.expose().len().saturating_mul(3));
    text.extend(password.expose().nfc());
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(password: &str) -> Result<(), &'static str> {
        judge(&PasswordPolicy::default(), password)
    }

    fn judge(policy: &PasswordPolicy, password: &str) -> Result<(), &'static str> {
        let username = Username::parse("ada.lovelace").unwrap();
        let email = Email::parse("countess@engines.example.org").unwrap();
        let name = DisplayName::parse("Augusta Ada King").unwrap();
        let context = PasswordContext::new(&username, &email).named(Some(&name));
        policy
            .check(&Secret::new(password.to_owned()), context)
            .map_err(|error| error.code)
    }

    /// As many different characters as asked for, none of which follows from the one before.
    fn varied(length: usize) -> String {
        let letters = "qjzxkvwyfghbpmdlcnuraeitos7391";
        (0..length)
            .filter_map(|at| letters.chars().nth((at * at + at / 29) % 30))
            .collect()
    }

    #[test]
    fn length_is_counted_in_code_points_of_the_nfc_form() {
        assert_eq!(check("fourteen chars"), Err("password_too_short"));
        assert_eq!(check("fifteen chars !"), Ok(()));
        let decomposed = |count: usize| varied(count).replace('e', "e\u{301}").replace('a', "a\u{308}");
        assert_eq!(check(&decomposed(14)), Err("password_too_short"));
        assert_eq!(check(&decomposed(15)), Ok(()));
        // Beyond the basic plane, where UTF-16 counts two: U+1D11E and others.
        let clefs: String = (0..15_u32)
            .filter_map(|at| char::from_u32(0x1_D100 + at * at % 37))
            .collect();
        assert_eq!(check(&clefs), Ok(()));
    }

    #[test]
    fn marks_without_a_letter_are_characters_like_others() {
        let marks = |count: u32| -> String {
            (0..count)
                .filter_map(|at| char::from_u32(0x0316 + at * at % 13))
                .collect()
        };
        assert_eq!(check(&marks(14)), Err("password_too_short"));
        assert_eq!(check(&marks(15)), Ok(()));
        // In whatever order they were typed: canonical order is part of NFC.
        let (one, two) = (
            Secret::new("\u{301}\u{316}x".to_owned()),
            Secret::new("\u{316}\u{301}x".to_owned()),
        );
        assert_eq!(normalized(&one), normalized(&two));
    }

    #[test]
    fn long_passwords_are_refused_not_cut() {
        assert_eq!(check(&varied(64)), Ok(()));
        assert_eq!(check(&varied(MAX_BYTES)), Ok(()));
        assert_eq!(check(&varied(MAX_BYTES + 1)), Err("password_too_long"));
        assert_eq!(check(&"\u{1F600}".repeat(1 << 18)), Err("password_too_long"));
    }

    #[test]
    fn words_of_the_context_do_not_count() {
        for bad in [
            "ada.lovelace-1234",
            "Countess-Countess-7",
            "ViolentUTF-violentutf",
            "countess@example.org",
            "Engines-Engines!",
            "Augusta Ada King 12",
            "engines.example.org 12",
        ] {
            assert_eq!(check(bad), Err("password_context"), "{bad}");
        }
        assert_eq!(check("violentutf and a long tail"), Ok(()));
        let policy = PasswordPolicy::default().with_words(["Analytical Society".to_owned()]);
        assert_eq!(judge(&policy, "analytical society 17"), Err("password_context"));
        assert_eq!(check("analytical society 17"), Ok(()));
    }

    #[test]
    fn what_is_guessed_first_is_refused_as_a_whole() {
        for bad in ["1q2w3e4r5t6y7u8i9o0p", "Qwerty123456789", "MANCHESTERUNITED"] {
            assert_eq!(check(bad), Err("password_common"), "{bad}");
        }
        assert_eq!(check("my qwerty123456789 gate"), Ok(()));
        let own = Blocklist::encode(["seven quiet copper lanterns"], 4).unwrap();
        let policy = PasswordPolicy::default().also_refusing(Blocklist::decode(&own).unwrap());
        assert_eq!(
            judge(&policy, "Seven quiet copper lanterns"),
            Err("password_common")
        );
        assert_eq!(judge(&policy, "manchesterunited"), Err("password_common"));
    }

    #[test]
    fn what_repeats_or_counts_is_as_short_as_what_is_said() {
        for bad in [
            "xxxxxxxxxxxxxxxx",
            "abababababababab",
            "123123123123123123",
            "monkeymonkeymonkey",
            "LiverpoolLiverPoolliver",
            "abcdefghijklmnop",
            "zyxwvutsrqponmlk",
        ] {
            assert_eq!(check(bad), Err("password_repetitive"), "{bad}");
        }
        assert_eq!(check("copper lanterns copper lanterns"), Ok(()));
    }

    #[test]
    fn control_characters_are_refused_and_nothing_is_asked_of_the_rest() {
        for bad in ["fifteen chars \0\0", "fifteen chars\t!!", "fifteen chars \u{85}!"] {
            assert_eq!(check(bad), Err("password_characters"), "{bad:?}");
        }
        // SP 800-63B-4 §3.1.1.2: all printing characters, the space and Unicode; no rules of composition.
        for good in [
            "only lower case letters",
            "ONLY UPPER CASE ONES",
            "\u{201c}typographic\u{201d} \u{2014} quotes",
            "длинная фраза из слов",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_floor_holds() {
        assert!(PasswordPolicy::new(7).is_err());
        assert!(PasswordPolicy::new(65).is_err());
        assert!(PasswordPolicy::new(8).is_ok_and(|policy| policy.min_length() == 8));
        for (beside, accepted) in [(7, false), (8, true), (15, true), (16, false)] {
            let policy = PasswordPolicy::default().beside_factor(beside);
            assert_eq!(policy.is_ok(), accepted, "{beside}");
        }
    }

    #[test]
    fn a_password_may_be_shorter_beside_a_second_factor() {
        let judge = |password: &str, has_factor| {
            let password = Secret::new(password.to_owned());
            let judged = PasswordPolicy::default().judge(&password, PasswordContext::default(), has_factor);
            judged.map_err(|error| error.detail)
        };
        assert_eq!(judge("copper lantern!", false), Ok(Length::Alone));
        assert_eq!(judge("copper lantern!", true), Ok(Length::Alone));
        assert_eq!(
            judge("copper lantern", false),
            Err("use at least 15 characters".into())
        );
        assert_eq!(judge("copper lantern", true), Ok(Length::BesideFactor));
        assert_eq!(judge("lantern?", true), Ok(Length::BesideFactor));
        assert_eq!(judge("lantern", true), Err("use at least 8 characters".into()));
        assert!(
            judge("password", true).is_err(),
            "what is guessed first stays refused"
        );
    }

    #[test]
    fn nothing_prints_the_words_of_the_context() {
        let username = Username::parse("ada.lovelace").unwrap();
        let email = Email::parse("countess@example.org").unwrap();
        let text = format!("{:?}", PasswordContext::new(&username, &email));
        assert!(!text.contains("ada") && !text.contains("countess"), "{text}");
    }

    proptest! {
        #[test]
        fn checking_never_panics(password in ".{0,400}") {
            let _ = check(&password);
        }
        #[test]
        fn a_repeated_unit_is_found(unit in "[a-z]{1,20}", times in 2_usize..5) {
            let text: Vec<char> = unit.repeat(times).chars().collect();
            let found = period(&text);
            prop_assert!(found <= unit.len());
            for (at, c) in text.iter().enumerate().skip(found) {
                prop_assert_eq!(*c, text[at - found]);
            }
        }
    }
}
