//! The dialogue with a server on a real socket, which a test plays.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use vutf_kernel::{Mail, Mailer as _, Secret};
use vutf_mail_smtp::{Security, SmtpError, SmtpMailer, SmtpOptions, is_address};

/// Takes one mail, and answers its receivers with `to`. What it was told is the task's result.
async fn server(to: &'static str) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let played = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (read, mut write) = socket.split();
        let mut lines = BufReader::new(read).lines();
        let (mut told, mut in_data) = (Vec::new(), false);
        write.write_all(b"220 test ESMTP\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = if in_data {
                in_data = line != ".";
                if in_data { "" } else { "250 taken\r\n" }
            } else {
                match line.split([' ', ':']).next().unwrap_or_default() {
                    "EHLO" => "250-test\r\n250 8BITMIME\r\n",
                    "RCPT" => to,
                    "DATA" => {
                        in_data = true;
                        "354 go on\r\n"
                    }
                    "QUIT" => "221 bye\r\n",
                    _ => "250 ok\r\n",
                }
            };
            told.push(line.clone());
            write.write_all(answer.as_bytes()).await.unwrap();
            if line == "QUIT" {
                break;
            }
        }
        told
    });
    (port, played)
}

fn options(port: u16) -> SmtpOptions {
    SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        credentials: None,
        from: "Audit <audit@example.org>".to_owned(),
        timeout: Duration::from_secs(10),
    }
}

fn mail() -> Mail {
    Mail {
        to: vec!["ada@example.org".to_owned(), "Bob <bob@example.org>".to_owned()],
        subject: "Somebody guesses a password".to_owned(),
        text: "Look at it.\n.\nIt ends here.".to_owned(),
        html: None,
        link: None,
        reference: "finding-1".to_owned(),
    }
}

#[tokio::test]
async fn a_mail_is_handed_in() {
    let (port, played) = server("250 ok\r\n").await;
    SmtpMailer::new(options(port))
        .unwrap()
        .send(&mail())
        .await
        .unwrap();
    let told = played.await.unwrap();
    let has = |line: &str| told.iter().any(|told| told == line);
    for line in [
        "MAIL FROM:<audit@example.org>",
        "RCPT TO:<ada@example.org>",
        "RCPT TO:<bob@example.org>",
        "Subject: Somebody guesses a password",
        "Message-ID: <finding-1@example.org>",
        "Look at it.",
        "..",
        "It ends here.",
    ] {
        assert!(
            has(line) || told.iter().any(|told| told.starts_with(line)),
            "{line}: {told:#?}"
        );
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_told_by_its_code_and_not_by_its_words() {
    for (answer, is_final) in [
        ("550 ada@example.org is unknown here\r\n", true),
        ("451 ada@example.org try later\r\n", false),
    ] {
        let (port, _played) = server(answer).await;
        let refused = SmtpMailer::new(options(port))
            .unwrap()
            .send(&mail())
            .await
            .unwrap_err();
        assert_eq!(refused.is_final, is_final, "{refused}");
        assert!(
            refused.reason.contains(&answer[..3]) && !refused.reason.contains("ada"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_an_error_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = SmtpOptions {
        timeout: Duration::from_millis(200),
        ..options(port)
    };
    let mailer = SmtpMailer::new(silent).unwrap();
    let given_up = tokio::time::timeout(Duration::from_secs(20), mailer.send(&mail())).await;
    assert!(!given_up.unwrap().unwrap_err().is_final);
    drop(listener);
    let gone = SmtpMailer::new(options(port))
        .unwrap()
        .send(&mail())
        .await
        .unwrap_err();
    assert!(!gone.is_final, "{gone}");
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_where_it_is_demanded() {
    let (port, played) = server("250 ok\r\n").await;
    let demanding = SmtpOptions {
        security: Security::StartTls,
        ..options(port)
    };
    SmtpMailer::new(demanding)
        .unwrap()
        .send(&mail())
        .await
        .unwrap_err();
    let told = played.await.unwrap();
    assert!(!told.iter().any(|line| line.starts_with("MAIL")), "{told:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anybody_is_asked() {
    let clear = SmtpOptions {
        credentials: Some(("audit".to_owned(), Secret::new("hunter2".to_owned()))),
        ..options(1)
    };
    assert!(matches!(SmtpMailer::new(clear), Err(SmtpError::Clear)));
    let nobody = SmtpOptions {
        from: "nobody".to_owned(),
        ..options(1)
    };
    assert!(matches!(SmtpMailer::new(nobody), Err(SmtpError::From)));
    assert!(is_address("ada@example.org") && !is_address("ada"));
    let mailer = SmtpMailer::new(options(1)).unwrap();
    let injected = Mail {
        subject: "a\r\nBcc: eve@example.org".to_owned(),
        ..mail()
    };
    assert!(mailer.send(&injected).await.unwrap_err().is_final);
}
