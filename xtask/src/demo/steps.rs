//! What the demo does, and what a reader can paste.

/// One command, or a few that belong together.
#[derive(Debug)]
pub(super) struct Step {
    /// Of the part that begins here; empty within a part.
    pub(super) heading: &'static str,
    /// What a reader is told before.
    pub(super) says: &'static str,
    /// What is typed.
    pub(super) command: &'static str,
    /// What must be in the output.
    pub(super) shows: &'static [&'static str],
}

/// All of them, in their order.
pub(super) const STEPS: &[Step] = &[
    Step {
        heading: "Is it ready?",
        says: "The probe that a load balancer asks:",
        command: r"curl -sS -w '\n' $API/health/ready",
        shows: &[r#""status":"ready""#],
    },
    Step {
        heading: "The first administrator",
        says: "The first start wrote a secret to `data/bootstrap-token`, for your eyes only. Whoever can read it makes the first \
               administrator:",
        command: r#"curl -sS -w '\n' $API/api/v1/bootstrap -H "$json" \
  -d '{"token":"'"$(cat data/bootstrap-token)"'","username":"ada","email":"ada@example.org","password":"nine small violet engines"}'"#,
        shows: &[r#""username":"ada""#, r#""status":"active""#],
    },
    Step {
        heading: "",
        says: "It works once. Every refusal is a problem document (RFC 9457) with a stable `code`:",
        command: r#"curl -sS -w '\n' $API/api/v1/bootstrap -H "$json" \
  -d '{"token":"'"$(cat data/bootstrap-token)"'","username":"eve","email":"eve@example.org","password":"nine small violet engines"}'"#,
        shows: &["VUTF_BOOTSTRAP_USED"],
    },
    Step {
        heading: "A user",
        says: "Registration is open in the development profile, and an address counts as proved:",
        command: r#"curl -sS -w '\n' $API/api/v1/auth/register -H "$json" \
  -d '{"username":"grace","email":"grace@example.org","password":"seven quiet copper lanterns"}' | tee account.json"#,
        shows: &[r#""username":"grace""#],
    },
    Step {
        heading: "",
        says: "Signing in gives an access token for ten minutes, and a refresh token that is good for one exchange:",
        command: r#"curl -sS -w '\n' $API/api/v1/auth/login -H "$json" \
  -d '{"username":"grace","password":"seven quiet copper lanterns"}' | tee tokens.json
TOKEN=$(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' tokens.json)"#,
        shows: &[r#""status":"authenticated""#, "v4.public."],
    },
    Step {
        heading: "",
        says: "Who am I?",
        command: r#"curl -sS -w '\n' $API/api/v1/me -H "authorization: Bearer $TOKEN""#,
        shows: &[r#""email":"grace@example.org""#, r#""version":1"#],
    },
    Step {
        heading: "",
        says: "A change names the version that was read, so that nobody overwrites what they have not seen:",
        command: r#"curl -sS -w '\n' -X PATCH $API/api/v1/me -H "authorization: Bearer $TOKEN" -H "$json" \
  -H 'if-match: "v1"' -d '{"display_name":"Grace Hopper","phone":"+12025550123"}'"#,
        shows: &[r#""display_name":"Grace Hopper""#, r#""version":2"#],
    },
    Step {
        heading: "",
        says: "The same again is refused, because the account has changed meanwhile:",
        command: r#"curl -sS -w '\n' -X PATCH $API/api/v1/me -H "authorization: Bearer $TOKEN" -H "$json" \
  -H 'if-match: "v1"' -d '{"display_name":"Somebody Else"}'"#,
        shows: &[r#""status":412"#],
    },
    Step {
        heading: "",
        says: "Somebody guesses. The answer does not tell whether there is such an account:",
        command: r#"curl -sS -w '\n' $API/api/v1/auth/login -H "$json" -d '{"username":"grace","password":"an unlucky guess, alas"}'"#,
        shows: &["VUTF_INVALID_CREDENTIALS"],
    },
    Step {
        heading: "Administration",
        says: "The administrator signs in and looks at the users:",
        command: r#"ADMIN=$(curl -sS $API/api/v1/auth/login -H "$json" \
  -d '{"username":"ada","password":"nine small violet engines"}' | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
curl -sS -w '\n' $API/api/v1/users -H "authorization: Bearer $ADMIN""#,
        shows: &[r#""username":"ada""#, r#""username":"grace""#],
    },
    Step {
        heading: "",
        says: "Locking an account ends its sessions at once:",
        command: r#"GRACE=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' account.json)
curl -sS -w '\n' -X POST $API/api/v1/users/$GRACE/lock -H "authorization: Bearer $ADMIN"
curl -sS -w '\n' $API/api/v1/me -H "authorization: Bearer $TOKEN""#,
        shows: &[r#""status":"locked""#, r#""status":401"#],
    },
    Step {
        heading: "What the database holds",
        says: "Personal data is sealed before it reaches the database. These are the heads of what stands for the e-mail \
               addresses: a version and an algorithm, then the id of the key, a nonce, and ciphertext:",
        command: r#"sqlite3 data/violentutf.db "SELECT substr(hex(email_ct), 1, 8), substr(hex(email_ct), 9, 48) FROM users""#,
        shows: &["|"],
    },
    Step {
        heading: "",
        says: "No address, name or telephone number is in the files, the write-ahead log included:",
        command: r"cat data/violentutf.db* | grep -a -c -e grace@example.org -e 'Grace Hopper' -e 12025550123",
        shows: &["0"],
    },
    Step {
        heading: "The audit log",
        says: "What was done stands in the log, and so does what was refused. Network origins are sealed parts of an event:",
        command: r#"curl -sS -w '\n' "$API/api/v1/audit/events?action=session.login&outcome=refused" -H "authorization: Bearer $ADMIN""#,
        shows: &["wrong_password", "source_ip"],
    },
    Step {
        heading: "",
        says: "Every event is chained to the one before. `audit verify` recomputes the chain from the stored events:",
        command: r#"violentutf-api audit verify; echo "exit code $?""#,
        shows: &["complete and unchanged", "exit code 0"],
    },
    Step {
        heading: "",
        says: "The tables are append-only, for whoever has the database too (who waits for the service's own writes):",
        // How the program words its errors differs from version to version.
        command: r#"sqlite3 -cmd '.timeout 5000' data/violentutf.db "DELETE FROM audit_intake" 2>&1 | grep -o 'audit records are append-only'"#,
        shows: &["append-only"],
    },
    Step {
        heading: "",
        says: "A determined administrator of the database takes the trigger away and turns the failed guess into a success:",
        command: r#"sqlite3 -cmd '.timeout 5000' data/violentutf.db "
  DROP TRIGGER audit_intake_no_update;
  UPDATE audit_intake
     SET body = CAST(replace(CAST(body AS TEXT), '\"result\":\"refused\"', '\"result\":\"success\"') AS BLOB)
   WHERE action = 'session.login' AND outcome = 'refused'""#,
        shows: &[],
    },
    Step {
        heading: "",
        says: "The chain shows it, and names the first event that does not fit:",
        command: r#"violentutf-api audit verify; echo "exit code $?""#,
        shows: &["body_changed", "exit code 1"],
    },
];
