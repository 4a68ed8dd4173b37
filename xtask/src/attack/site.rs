//! The service under attack, the persons on it, and its log.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use vutf_identity::mfa::TotpSecret;
use vutf_kernel::{Clock as _, SystemClock};
use vutf_testkit::mailbox::{Mailbox, Received};

use crate::service::Service;

/// How long the log and the detection rules may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Every attacker's requests come through it, and it writes where they come from.
const PROXY: (&str, &str) = ("VUTF__SERVER__TRUSTED_PROXIES", "127.0.0.1/32");

pub(super) const PASSWORD: &str = "seven quiet lanterns over the harbour";

/// Where links in mail lead, whatever a request says of the host.
pub(super) const LINKS: &str = "https://app.example.org/account";

pub(super) struct Site {
    service: Service,
    mailbox: Mailbox,
}

/// What a browser got: status, cookies as it would send them again, and body.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) cookies: String,
    pub(super) body: Value,
}

/// Somebody with a session.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) session: String,
}

/// An answer: status and body.
pub(super) type Answer = (u16, Value);

impl Site {
    pub(super) fn start(program: &Path, home: &Path) -> Result<Self> {
        let directory = home.join("mail");
        let settings = [
            PROXY,
            ("VUTF__MAIL__DELIVERY", "file"),
            (
                "VUTF__MAIL__DIRECTORY",
                directory.to_str().context("a path is not UTF-8")?,
            ),
            ("VUTF__MAIL__FROM", "Accounts <accounts@example.org>"),
            ("VUTF__MAIL__LINK_URL", LINKS),
        ];
        Ok(Self {
            service: Service::start_with(program, home, None, &settings)?,
            mailbox: Mailbox::new(&directory),
        })
    }

    /// As a browser at `address`, with header lines of its own.
    pub(super) fn browse(
        &self,
        address: &str,
        lines: &[&str],
        (method, path): (&str, &str),
        body: &Value,
    ) -> Result<Page> {
        let mut header = lines.join("\r\n");
        if !header.is_empty() {
            header.push_str("\r\n");
        }
        header.push_str("x-forwarded-for: ");
        header.push_str(address);
        let (status, head, body) = self.service.request(method, path, &header, body).answer()?;
        let set = head.lines().filter_map(|line| line.split_once(':'));
        let set = set.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let pairs: Vec<&str> = set
            .filter_map(|(_, cookie)| cookie.trim().split(';').next())
            .collect();
        Ok(Page {
            status,
            cookies: pairs.join("; "),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }

    /// The newest mail of a kind to an address; waits for it.
    pub(super) fn mail(&self, kind: &str, to: &str) -> Result<Received> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(mail) = self.mailbox.mails(kind, to)?.pop() {
                return Ok(mail);
            }
            ensure!(Instant::now() < until, "no mail about {kind} came to {to}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// As somebody at `address`, with an access token or without.
    pub(super) fn send(
        &self,
        address: &str,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Answer> {
        let mut header = format!("x-forwarded-for: {address}");
        if let Some(token) = token {
            header.push_str("\r\nauthorization: Bearer ");
            header.push_str(token);
        }
        self.service.request(method, path, &header, body).once().map(read)
    }

    pub(super) fn login(&self, address: &str, name: &str, password: &str) -> Result<Answer> {
        let body = json!({"username": name, "password": password});
        self.send(address, None, "POST", "/api/v1/auth/login", &body)
    }

    /// Makes an account.
    pub(super) fn register(&self, name: &str) -> Result<String> {
        let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = self.service.ask("/api/v1/auth/register", &body)?;
        Ok(made["id"]
            .as_str()
            .context("an account without an id")?
            .to_owned())
    }

    /// Makes an account and signs in.
    pub(super) fn person(&self, name: &str) -> Result<Person> {
        let id = self.register(name)?;
        self.session(&id, name)
    }

    /// Another session of somebody.
    pub(super) fn session(&self, id: &str, name: &str) -> Result<Person> {
        let (status, answer) = self.login("192.0.2.1", name, PASSWORD)?;
        ensure!(status == 200, "{name} cannot sign in: {status} {answer}");
        let text = |field: &str| {
            let text = answer[field].as_str().map(str::to_owned);
            text.with_context(|| format!("no {field} in {answer}"))
        };
        Ok(Person {
            id: id.to_owned(),
            name: name.to_owned(),
            access: text("access_token")?,
            refresh: text("refresh_token")?,
            session: text("session_id")?,
        })
    }

    /// As the administrator.
    pub(super) fn admin(&self, path: &str) -> Result<Value> {
        self.service.ask(path, &json!(null))
    }

    /// Gives somebody a second factor.
    pub(super) fn enrol(&self, person: &Person) -> Result<()> {
        let token = Some(person.access.as_str());
        let (status, made) = self.send("192.0.2.1", token, "POST", "/api/v1/me/mfa/totp", &Value::Null)?;
        ensure!(status == 201, "{status} {made}");
        let secret = made["secret"].as_str().and_then(TotpSecret::from_base32);
        let code = secret.context("no secret")?.code(SystemClock.now());
        let body = json!({"code": code.expose()});
        let (status, answer) = self.send("192.0.2.1", token, "POST", "/api/v1/me/mfa/totp/confirm", &body)?;
        ensure!(status == 200, "{status} {answer}");
        Ok(())
    }

    /// How many events there are with this action, this reason and, if one is named, this subject; waits until there are `least`.
    pub(super) fn refusals(
        &self,
        action: &str,
        reason: &str,
        subject: Option<&str>,
        least: usize,
    ) -> Result<usize> {
        let about = subject.map_or_else(String::new, |id| format!("&subject={id}"));
        let path = format!("/api/v1/audit/events?limit=100&action={action}&reason={reason}{about}");
        self.events(&path, least)
            .with_context(|| format!("{action} refused for {reason}"))
    }

    /// A finding of `rule`, about this if it is named.
    pub(super) fn finding(&self, rule: &str, about: &str) -> Result<()> {
        let path = format!("/api/v1/audit/findings?limit=100&rule={rule}");
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let (_, found) = read(self.service.get(&path).once()?);
            let items = found["items"].as_array().context("no list")?;
            let is_about = |item: &Value| item["key"].as_str().is_some_and(|key| key.contains(about));
            if items.iter().any(is_about) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("no finding of {rule}")
    }

    /// How many events `path` lists; waits until there are `least`.
    pub(super) fn events(&self, path: &str, least: usize) -> Result<usize> {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, found) = read(self.service.get(path).once()?);
            ensure!(status == 200, "{path}: {status} {found}");
            let count = found["items"].as_array().context("no list")?.len();
            if count >= least {
                return Ok(count);
            }
            ensure!(Instant::now() < until, "{count} events instead of {least}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn read((status, body): (u16, Vec<u8>)) -> Answer {
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Insists on one status for all answers.
pub(super) fn all_are(status: u16, answers: &[Answer]) -> Result<()> {
    for answer in answers {
        ensure!(
            answer.0 == status,
            "{} instead of {status}: {}",
            answer.0,
            answer.1
        );
    }
    Ok(())
}

/// Insists that nobody can tell the answers apart.
pub(super) fn all_alike(answers: &[Answer]) -> Result<()> {
    let plain = |answer: &Answer| {
        let mut body = answer.1.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        (answer.0, body)
    };
    let first = answers.first().map(plain).context("no answers")?;
    for answer in answers {
        ensure!(plain(answer) == first, "{} and {}", answer.1, first.1);
    }
    Ok(())
}

/// The same at once, from as many threads.
pub(super) fn at_once<T: Send>(count: usize, deed: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let deed = &deed;
        let threads: Vec<_> = (0..count).map(|nth| scope.spawn(move || deed(nth))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a thread panicked")?)
            .collect()
    })
}
