//! Connecting and logging in.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use azconnect_synapse::{ErrorKind, Login, Operation, ServerAddress, SynapseClient};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::{Duration, OffsetDateTime},
};

use crate::{
    script::{Script, builder, builder_for},
    server::{HOST, Seen, Server},
    wire,
};

/// Counts the tokens it gives.
#[derive(Debug, Default)]
struct Tokens(AtomicUsize);

#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://database.windows.net/.default"]);
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(format!("token-{number}"), expires_on))
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_password_login_sends_what_the_protocol_wants() {
    let server = Server::start(Script::result(&[wire::done(Some(3))]));
    let client = builder(server.address).with_application_name("the-app").build().unwrap();
    let stream = client.query("UPDATE t SET a = 'ß'").await.unwrap();
    assert_eq!(stream.rows_affected(), Some(3));
    assert!(stream.schema().fields().is_empty());

    let Seen::Prelogin(prelogin) = server.next() else { panic!() };
    // No offer of a token login: option 6 is not in the table.
    assert!(!prelogin.split(|byte| *byte == 0xFF).next().unwrap().chunks(5).any(|o| o[0] == 6));
    let Seen::Login(login) = server.next() else { panic!() };
    assert!(contains(&login, &wire::utf16("reader")));
    assert!(contains(&login, &wire::utf16("demo")));
    assert!(contains(&login, &wire::utf16("the-app")));
    assert!(contains(&login, &wire::utf16(HOST)));
    assert!(!contains(&login, &wire::utf16("pass word")), "the password is scrambled");
    let Seen::Sql(sql) = server.next() else { panic!() };
    assert_eq!(sql, "UPDATE t SET a = 'ß'");
}

#[tokio::test]
async fn every_connection_logs_in_with_a_fresh_token() {
    let server = Server::start(Script::result(&[wire::done(None)]));
    let credential = Arc::new(Tokens::default());
    let login = Login::AccessToken(Arc::clone(&credential) as _);
    let client = builder_for(server.address, login).build().unwrap();
    for number in 0..2 {
        client.query("SELECT 1").await.unwrap();
        let Seen::Prelogin(prelogin) = server.next() else { panic!() };
        assert!(prelogin.chunks(5).take(6).any(|option| option[0] == 6));
        let Seen::Login(login) = server.next() else { panic!() };
        let token = wire::utf16(&format!("token-{number}"));
        // Feature 2: its length, "security token" without echo, the token's length, the token.
        let feature = [&[2, 19, 0, 0, 0, 2, 14, 0, 0, 0][..], &token].concat();
        assert!(contains(&login, &feature));
        assert!(matches!(server.next(), Seen::Sql(_)));
        assert!(matches!(server.next(), Seen::Closed { .. }));
    }
    assert_eq!(credential.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_statement_done_before_the_login_is_accepted_does_no_harm() {
    let login =
        [wire::done_in_proc(), wire::info(5701, "Changed"), wire::login_ack(), wire::done(None)];
    let script = Script { login_reply: login.concat(), ..Script::result(&[wire::done(None)]) };
    let server = Server::start(script);
    let stream = builder(server.address).build().unwrap().query("SELECT 1").await.unwrap();
    assert_eq!(stream.messages().len(), 1);
    assert_eq!(stream.messages()[0].number, 5701);
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_new_name() {
    let target = Server::start(Script::result(&[wire::done(Some(1))]));
    let to = "node-7.sql.azuresynapse.net";
    let gateway = Server::start(Script::login(&[
        wire::login_ack(),
        wire::route(to, 11_003),
        wire::done(None),
    ]));
    let (first, second) = (gateway.address, target.address);
    let client = builder(first)
        .with_resolver(move |host, port| {
            assert_eq!((host, port), ("node-7.sql.azuresynapse.net", 11_003));
            Ok(vec![second])
        })
        .build()
        .unwrap();
    let stream = client.query("SELECT 1").await.unwrap();
    assert_eq!(stream.rows_affected(), Some(1));
    assert!(matches!(target.next(), Seen::Prelogin(_)));
    let Seen::Login(login) = target.next() else { panic!() };
    assert!(contains(&login, &wire::utf16(to)));
}

#[tokio::test]
async fn a_redirect_out_of_the_domain_is_refused() {
    let tokens = [wire::login_ack(), wire::route("evil.example", 1433), wire::done(None)];
    let server = Server::start(Script::login(&tokens));
    let error = builder(server.address).build().unwrap().query("SELECT 1").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::PermissionDenied, Operation::Login));
    assert!(error.to_string().contains("evil.example"), "{error}");
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let tokens = [wire::login_ack(), wire::route(HOST, 1433), wire::done(None)];
    let server = Server::start(Script::login(&tokens));
    let error = builder(server.address).build().unwrap().query("SELECT 1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.to_string().contains("redirected more than 5 times"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_reported_with_the_servers_words() {
    let text = "Login failed for user 'reader'.";
    let server =
        Server::start(Script::login(&[wire::error(18_456, 14, 8, text), wire::done_failed()]));
    let error = builder(server.address).build().unwrap().query("SELECT 1").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unauthenticated, Operation::Login));
    assert_eq!(error.server_number(), Some(18_456));
    assert_eq!(error.hint(), Some("the password is wrong"));
    assert!(!error.is_transient());
    assert_eq!(
        error.to_string(),
        "cannot log in to `syn-test.sql.azuresynapse.net`, database `demo`: Login failed for user \
         'reader' (SQL error 18456, level 14, state 8, line 1)"
    );
    assert!(!format!("{error:?}").contains("pass word"));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = Server::start(Script::result(&[]));
    let login = Login::Password { user: "reader".to_owned(), password: "secret".into() };
    let unrelated = include_bytes!("unrelated-ca.pem").to_vec();
    let client = SynapseClient::builder(ServerAddress::new(HOST, 1433).unwrap(), "demo", login)
        .with_connect_address(server.address)
        .with_ca_pem(unrelated)
        .build()
        .unwrap();
    let error = client.query("SELECT 1").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Connect, Operation::Connect));
    assert!(!error.is_transient());
    assert!(error.hint().unwrap().contains("CA file"));
    assert!(matches!(server.next(), Seen::Prelogin(_)));
    assert!(matches!(server.next(), Seen::Closed { .. }), "no login follows");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = Server::start(Script::result(&[]));
    let login = Login::Password { user: "reader".to_owned(), password: "secret".into() };
    let name = ServerAddress::new("other.example", 1433).unwrap();
    let client = SynapseClient::builder(name, "demo", login)
        .with_connect_address(server.address)
        .with_ca_pem(crate::server::certificates().ca_pem.clone())
        .build()
        .unwrap();
    let error = client.query("SELECT 1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_server_without_encryption_gets_no_login() {
    let mut script = Script::result(&[]);
    *script.prelogin_reply.last_mut().unwrap() = 2;
    let server = Server::start(script);
    let error = builder(server.address).build().unwrap().query("SELECT 1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(matches!(server.next(), Seen::Prelogin(_)));
    assert!(matches!(server.next(), Seen::Closed { .. }));
}

#[tokio::test]
async fn a_silent_server_runs_into_the_login_timeout() {
    let server = Server::start(Script { silent: true, ..Script::result(&[]) });
    let client = builder(server.address)
        .with_login_timeout(std::time::Duration::from_millis(30))
        .build()
        .unwrap();
    let error = client.query("SELECT 1").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, Operation::Connect));
    assert!(error.is_transient());
}

#[tokio::test]
async fn dropping_the_future_of_a_query_closes_the_connection() {
    let server = Server::start(Script { silent: true, ..Script::result(&[]) });
    let client = builder(server.address).build().unwrap();
    let query = tokio::spawn(async move { client.query("SELECT 1").await.map(|_| ()) });
    let server = tokio::task::spawn_blocking(move || {
        assert!(matches!(server.next(), Seen::Prelogin(_)));
        server
    });
    let server = server.await.unwrap();
    query.abort();
    let end = tokio::task::spawn_blocking(move || server.next()).await.unwrap();
    assert!(matches!(end, Seen::Closed { .. }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = builder(address).build().unwrap().query("SELECT 1").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Connect, Operation::Connect));
    assert!(error.to_string().contains(HOST), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_sent() {
    let address = "127.0.0.1:9".parse().unwrap();
    for (builder, part) in [
        (builder(address).with_packet_bytes(511), "packet size"),
        (builder(address).with_max_row_bytes(0), "row limit"),
        (builder(address).with_application_name("a".repeat(129)), "application name"),
        (builder(address).with_login_timeout(std::time::Duration::ZERO), "login timeout"),
        (builder(address).with_ca_pem("no certificate"), "CA file"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(part), "{error}");
    }
}
