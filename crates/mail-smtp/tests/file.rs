//! Mail as files.

use std::fs;

use vutf_kernel::{Mail, MailError, Mailer as _, Secret};
use vutf_mail_smtp::{FileError, FileMailer};

fn mail() -> Mail {
    let link = "https://id.example.org/reset-password#token=t0ken";
    Mail {
        to: vec!["ada@example.org".to_owned()],
        subject: "Set a new password".to_owned(),
        text: format!("Hello ada,\n\n{link}\n"),
        html: Some(format!("<p><a href=\"{link}\">here</a></p>")),
        link: Some(Secret::new(link.to_owned())),
        reference: "reset-1".to_owned(),
    }
}

#[tokio::test]
async fn a_mail_is_one_file_that_its_owner_alone_reads() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("mail");
    let mailer = FileMailer::new(&directory, "Accounts <accounts@example.org>").unwrap();
    // Sent twice, it is one mail.
    for _ in 0..2 {
        mailer.send(&mail()).await.unwrap();
    }
    let names: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["reset-1.eml"]);
    let file = directory.join("reset-1.eml");
    let text = fs::read_to_string(&file).unwrap();
    for part in [
        "From: Accounts <accounts@example.org>\r\n",
        "To: ada@example.org\r\n",
        "Subject: Set a new password\r\n",
        "Message-ID: <reset-1@example.org>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Date: ",
        "Content-Type: multipart/alternative",
        "Content-Type: text/plain",
        "Content-Type: text/html",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(directory), mode(file)), (0o700, 0o600));
    }
}

#[tokio::test]
async fn what_is_unfit_is_not_tried_again_and_what_cannot_be_written_is() {
    let home = tempfile::tempdir().unwrap();
    let mailer = FileMailer::new(home.path(), "accounts@example.org").unwrap();
    let injected = Mail {
        subject: "a\r\nBcc: eve@example.org".to_owned(),
        ..mail()
    };
    assert!(mailer.send(&injected).await.unwrap_err().is_final);
    assert!(matches!(
        FileMailer::new(home.path(), "nobody"),
        Err(FileError::From)
    ));
    home.close().unwrap();
    let MailError { reason, is_final } = mailer.send(&mail()).await.unwrap_err();
    assert!(!is_final && !reason.contains("ada"), "{reason}");
}
