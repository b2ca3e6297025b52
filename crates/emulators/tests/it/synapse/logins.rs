//! Who gets in and who does not, with the numbers that Azure has for it.

use azconnect_emulators::Config;
use tiberius::{AuthMethod, EncryptionLevel};
use time::Duration;

use super::{SQL, Synapse, server_error};
use crate::fixture::{NOBODY, VAULT, identity};

const TOKEN_USER: &str = "Login failed for user '<token-identified principal>'.";

async fn with_token(synapse: &Synapse, token: String) -> Result<String, (u32, String)> {
    let mut config = synapse.client_config();
    config.authentication(AuthMethod::aad_token(token));
    match synapse.connect(config).await {
        Ok(mut client) => {
            let row = client.simple_query("SELECT SUSER_SNAME()").await.unwrap().into_row().await;
            Ok(row.unwrap().unwrap().get::<&str, _>(0).unwrap().to_owned())
        }
        Err(error) => Err(server_error::<()>(Err(error))),
    }
}

#[tokio::test]
async fn a_login_needs_its_password() {
    let synapse = Synapse::start().await;
    synapse.client().await;
    for (user, password) in [("demo", "wrong"), ("nobody", "Demo-Passw0rd"), ("demo", "")] {
        let mut config = synapse.client_config();
        config.authentication(AuthMethod::sql_server(user, password));
        let (number, message) = server_error(synapse.connect(config).await);
        assert_eq!(number, 18456);
        assert_eq!(message, format!("Login failed for user '{user}'."));
    }
}

#[tokio::test]
async fn a_token_needs_the_audience_of_sql_a_future_and_a_user_in_the_database() {
    let mut config = Config::default();
    config.managed_identities.push(identity(NOBODY));
    let synapse = Synapse::with(config).await;
    let fixture = &synapse.fixture;
    for audience in [SQL, "https://database.windows.net"] {
        let token = fixture.token("uami-demo", audience);
        assert_eq!(with_token(&synapse, token).await.unwrap(), "uami-demo");
    }
    let mut forged = fixture.token("uami-demo", SQL);
    forged.pop();
    for token in [
        fixture.token("uami-demo", VAULT),
        fixture.token_for("uami-demo", SQL, Duration::seconds(-1)),
        fixture.token(NOBODY, SQL),
        forged,
        String::new(),
    ] {
        let refused = with_token(&synapse, token).await.unwrap_err();
        assert_eq!(refused, (18456, TOKEN_USER.to_owned()));
    }
}

#[tokio::test]
async fn another_database_and_another_server_cannot_be_opened() {
    let synapse = Synapse::start().await;
    let mut config = synapse.client_config();
    config.database("other");
    let (number, message) = server_error(synapse.connect(config).await);
    assert_eq!(number, 4060);
    assert_eq!(message, "Cannot open database \"other\" requested by the login. The login failed.");

    let mut config = synapse.client_config();
    config.host("other.sql.azuresynapse.net");
    let (number, message) = server_error(synapse.connect(config).await);
    assert_eq!(number, 40532);
    assert!(message.contains("other.sql.azuresynapse.net"), "{message}");
}

#[tokio::test]
async fn tls_is_for_everything_and_the_certificate_of_the_real_name() {
    let synapse = Synapse::start().await;
    // Login encryption only is what the client asks for; the server wants more.
    let mut config = synapse.client_config();
    config.encryption(EncryptionLevel::Off);
    synapse.connect(config).await.unwrap();

    let mut config = synapse.client_config();
    config.encryption(EncryptionLevel::NotSupported);
    synapse.connect(config).await.unwrap_err();

    let mut config = synapse.client_config();
    config.host("syn-demo.example.com");
    synapse.connect(config).await.unwrap_err();
}
