//! Passkeys made and used by a browser that we did not write: Chromium with a virtual authenticator (Web Authentication Level 3,
//! section 11), driven over [WebDriver](https://www.w3.org/TR/webdriver2/).

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::passkeys::{self, Wallet, text};
use crate::{
    client::Request,
    output::say,
    service::{Service, success},
};

const CREATE: &str = "const done = arguments[1]; \
     navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(arguments[0])}) \
     .then(made => done({credential: made.toJSON()}), error => done({error: String(error)}));";
const GET: &str = "const done = arguments[1]; \
     navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(arguments[0])}) \
     .then(made => done({credential: made.toJSON()}), error => done({error: String(error)}));";

/// Registers two kinds of passkeys with `service`, and signs in with each.
pub(super) fn judge(programs: (&Path, &Path), service: &Service, name: &str) -> Result<()> {
    let page = Page::serve()?;
    let mut browser = Browser::start(programs, &page.origin())?;
    for (nth, kind) in [Kind::BuiltIn, Kind::Synced].into_iter().enumerate() {
        let authenticator = browser.plug_in(kind)?;
        let count = passkeys::judge(&mut browser, service, &format!("chromium{nth}"), kind.is_copied())?;
        browser.unplug(&authenticator)?;
        let what = format!("Chromium: {}", kind.says());
        say(&format!("{name:12} {what:54} {count:>8}"));
    }
    Ok(())
}

/// What kind of authenticator.
#[derive(Clone, Copy)]
enum Kind {
    BuiltIn,
    Synced,
}

impl Kind {
    fn says(self) -> &'static str {
        match self {
            Self::BuiltIn => "a passkey that stays in its device",
            Self::Synced => "a passkey that is copied",
        }
    }
    fn is_copied(self) -> bool {
        matches!(self, Self::Synced)
    }
}

/// An empty page on this machine, which browsers take for a secure one.
struct Page {
    port: u16,
    over: Arc<AtomicBool>,
}

impl Page {
    fn serve() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                // A visitor that leaves early misses nothing.
                let _left = answer(stream);
            }
        });
        Ok(Self { port, over })
    }
    fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn answer(mut stream: TcpStream) -> Result<()> {
    let mut request = [0; 4_096];
    let _read = stream.read(&mut request)?;
    let page = "<!doctype html><title>passkeys</title>";
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    )?;
    Ok(())
}

/// The driver, and a session with a browser that shows the page.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// What the browser keeps; removed after it.
    profile: tempfile::TempDir,
}

impl Browser {
    fn start((chromium, driver): (&Path, &Path), page: &str) -> Result<Self> {
        let mut driver = Command::new(driver)
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start chromedriver")?;
        let port = port_of(&mut driver);
        let mut browser = Self {
            driver,
            port: 0,
            session: String::new(),
            profile: tempfile::Builder::new().prefix("vutf-chromium-").tempdir()?,
        };
        browser.port = port?;
        let profile = format!("--user-data-dir={}", browser.profile.path().display());
        let options = json!({
            "binary": chromium,
            // Whoever is root has no sandbox; and the page is ours.
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", profile],
        });
        let wanted =
            json!({"alwaysMatch": {"goog:chromeOptions": options, "webauthn:virtualAuthenticators": true}});
        let made = browser.ask("POST", "", &json!({"capabilities": wanted}))?;
        browser.session = format!("/{}", text(&made["sessionId"])?);
        browser.ask("POST", "/url", &json!({"url": page}))?;
        Ok(browser)
    }

    /// Sends a command of WebDriver; the `value` of its answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let path = format!("/session{}{path}", self.session);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::new(self.port, method, &path, "accept: application/json", &body);
        let answer = success(request.once()?).with_context(|| format!("{method} {path}"))?;
        Ok(answer["value"].clone())
    }

    fn plug_in(&self, kind: Kind) -> Result<String> {
        let authenticator = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserConsenting": true, "isUserVerified": true,
            "defaultBackupEligibility": kind.is_copied(), "defaultBackupState": kind.is_copied(),
        });
        let made = self.ask("POST", "/webauthn/authenticator", &authenticator)?;
        text(&made)
    }

    fn unplug(&self, authenticator: &str) -> Result<()> {
        let path = format!("/webauthn/authenticator/{authenticator}");
        self.ask("DELETE", &path, &Value::Null).map(|_| ())
    }

    /// Runs a script on the page; the credential that comes of it, or the browser's error.
    fn run(&self, script: &str, options: &Value) -> Result<Value> {
        let body = json!({"script": script, "args": [options]});
        let done = self.ask("POST", "/execute/async", &body)?;
        ensure!(done["error"].is_null(), "{}", done["error"]);
        Ok(done["credential"].clone())
    }
}

impl Wallet for Browser {
    fn create(&mut self, options: &Value) -> Result<Value> {
        self.run(CREATE, options)
    }
    fn get(&mut self, options: &Value) -> Result<Value> {
        self.run(GET, options)
    }
}

/// It says on which port it listens.
fn port_of(driver: &mut Child) -> Result<u16> {
    let output = driver.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    let port = loop {
        let line = lines.next().context("chromedriver did not start")??;
        if let Some((_, rest)) = line.split_once("started successfully on port ") {
            break rest.trim_end_matches('.').parse()?;
        }
    };
    // Whatever else it says is taken off its hands.
    thread::spawn(move || lines.map_while(Result::ok).count());
    Ok(port)
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _closed = self.ask("DELETE", "", &Value::Null);
        }
        let _ended = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}
