//! Which variables mean which source, and how each is asked.

use super::*;
use crate::ErrorKind;

const GUID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const ARM: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n";
const ENDPOINT: (&str, &str) = (env::IDENTITY_ENDPOINT, "http://localhost:2/msi/token");
const SECURE: (&str, &str) = (env::IDENTITY_ENDPOINT, "https://localhost:2/msi/token");
const HEADER: (&str, &str) = (env::IDENTITY_HEADER, "canary-4711");
const THUMBPRINT: (&str, &str) =
    (env::IDENTITY_SERVER_THUMBPRINT, "f4f17d2639b18faf61628a2efb00c0c3d3cd63bf");
const ARC: (&str, &str) = (env::IMDS_ENDPOINT, "http://localhost:3");
const MSI: (&str, &str) = (env::MSI_ENDPOINT, "http://localhost:4/oauth2/token");
const MSI_SECRET: (&str, &str) = (env::MSI_SECRET, "canary-4711");
const DEFAULT_ID: (&str, &str) = (env::DEFAULT_IDENTITY_CLIENT_ID, GUID);

fn find(variables: &[(&str, &str)]) -> Result<ManagedIdentitySource> {
    ManagedIdentitySource::find(&variables.iter().copied().collect(), None)
}

#[test]
fn the_environment_chooses_the_source() {
    let pod = (env::AZURE_POD_IDENTITY_AUTHORITY_HOST, "http://localhost:1");
    for (variables, name, endpoint) in [
        (vec![], "the instance metadata service", "http://169.254.169.254/"),
        (vec![pod], "the instance metadata service", "http://localhost:1/"),
        (vec![ENDPOINT, HEADER], "the App Service identity endpoint", ENDPOINT.1),
        // App Service sets its older variables as well.
        (vec![ENDPOINT, HEADER, MSI, MSI_SECRET], "the App Service identity endpoint", ENDPOINT.1),
        (vec![SECURE, HEADER, THUMBPRINT], "the Service Fabric identity endpoint", SECURE.1),
        (vec![ENDPOINT, ARC], "the Azure Arc agent", ENDPOINT.1),
        (vec![MSI, MSI_SECRET], "the Azure Machine Learning identity endpoint", MSI.1),
        (vec![MSI, MSI_SECRET, DEFAULT_ID], "the Azure Machine Learning identity endpoint", MSI.1),
        (vec![MSI], "the Cloud Shell identity endpoint", MSI.1),
    ] {
        let source = find(&variables).unwrap();
        assert_eq!((source.name(), source.endpoint().as_str()), (name, endpoint));
        assert!(!format!("{source:?}").contains("canary"), "{source:?}");
    }
}

#[test]
fn the_callers_address_of_imds_wins_over_the_environment_but_does_not_choose_imds() {
    let own = Url::parse("http://localhost:9/").unwrap();
    let pod = Env::from_iter([(env::AZURE_POD_IDENTITY_AUTHORITY_HOST, "http://localhost:1")]);
    let source = ManagedIdentitySource::find(&pod, Some(own.clone())).unwrap();
    assert_eq!(source.endpoint(), &own);
    let app = Env::from_iter([ENDPOINT, HEADER]);
    let source = ManagedIdentitySource::find(&app, Some(own)).unwrap();
    assert_eq!(source.endpoint().as_str(), ENDPOINT.1);
}

#[test]
fn half_a_pair_and_broken_values_are_refused() {
    for variables in [
        vec![ENDPOINT],
        vec![HEADER],
        vec![THUMBPRINT],
        vec![ENDPOINT, THUMBPRINT],
        vec![ARC],
        vec![MSI_SECRET],
        vec![(env::IDENTITY_ENDPOINT, "localhost"), HEADER],
        vec![(env::MSI_ENDPOINT, "file:///etc/passwd")],
        vec![SECURE, HEADER, (env::IDENTITY_SERVER_THUMBPRINT, "f4f1")],
        vec![MSI, MSI_SECRET, (env::DEFAULT_IDENTITY_CLIENT_ID, "me")],
        vec![(env::AZURE_POD_IDENTITY_AUTHORITY_HOST, "h:1")],
    ] {
        let error = find(&variables).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{variables:?}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn each_source_has_its_own_names_for_an_identity() {
    let resource = "resource=https%3A%2F%2Fvault.azure.net";
    let arm = "%2Fsubscriptions%2Fs%2FresourceGroups%2Fg%2Fproviders%2FMicrosoft.ManagedIdentity\
               %2FuserAssignedIdentities%2Fn";
    let imds = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01";
    let app = "http://localhost:2/msi/token?api-version=2019-08-01";
    let arc = "http://localhost:2/msi/token?api-version=2020-06-01";
    let learning = "http://localhost:4/oauth2/token?api-version=2017-09-01";
    let fabric = "https://localhost:2/msi/token?api-version=2019-07-01-preview";
    let object = &format!("object:{GUID}");
    for (variables, identity, url, parameter) in [
        (vec![], "system", imds, String::new()),
        (vec![], GUID, imds, format!("&client_id={GUID}")),
        (vec![], object, imds, format!("&object_id={GUID}")),
        (vec![], ARM, imds, format!("&msi_res_id={arm}")),
        (vec![ENDPOINT, HEADER], "system", app, String::new()),
        (vec![ENDPOINT, HEADER], GUID, app, format!("&client_id={GUID}")),
        (vec![ENDPOINT, HEADER], object, app, format!("&principal_id={GUID}")),
        (vec![ENDPOINT, HEADER], ARM, app, format!("&mi_res_id={arm}")),
        (vec![ENDPOINT, ARC], "system", arc, String::new()),
        (vec![ENDPOINT, ARC], GUID, arc, format!("&client_id={GUID}")),
        (vec![ENDPOINT, ARC], ARM, arc, format!("&msi_res_id={arm}")),
        (vec![MSI, MSI_SECRET], "system", learning, String::new()),
        (vec![MSI, MSI_SECRET, DEFAULT_ID], "system", learning, format!("&clientid={GUID}")),
        (vec![MSI, MSI_SECRET], GUID, learning, format!("&clientid={GUID}")),
        (vec![SECURE, HEADER, THUMBPRINT], "system", fabric, String::new()),
    ] {
        let source = find(&variables).unwrap();
        let identity = identity.parse().unwrap();
        source.check(&identity).unwrap();
        let request = source.request("https://vault.azure.net", &identity);
        assert_eq!(request.url().as_str(), format!("{url}&{resource}{parameter}"));
    }
}

#[test]
fn an_identity_that_a_source_cannot_name_is_refused_before_any_request() {
    let object = &format!("object:{GUID}");
    for (variables, identity) in [
        (vec![MSI], GUID),
        (vec![SECURE, HEADER, THUMBPRINT], GUID),
        (vec![MSI, MSI_SECRET], object),
        (vec![MSI, MSI_SECRET], ARM),
        // Plain http where only the certificate tells the server from another.
        (vec![ENDPOINT, HEADER, THUMBPRINT], "system"),
    ] {
        let error = find(&variables).unwrap().check(&identity.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{variables:?}");
    }
}

#[test]
fn an_agent_that_answers_for_another_identity_is_not_believed() {
    let source = find(&[ENDPOINT, ARC]).unwrap();
    let check = |body: &str, identity: &str| {
        source.check_answer(body.as_bytes(), &identity.parse().unwrap())
    };
    let upper = GUID.to_uppercase();
    for (body, identity, is_meant) in [
        (String::new(), "system", true),
        (format!(r#"{{"client_id":"{upper}"}}"#), GUID, true),
        (r#"{"client_id":"00000000-0000-0000-0000-000000000000"}"#.to_owned(), GUID, false),
        ("{}".to_owned(), GUID, false),
        (format!(r#"{{"object_id":"{GUID}"}}"#), &format!("object:{GUID}"), true),
        (format!(r#"{{"msi_res_id":"{}"}}"#, ARM.to_uppercase()), ARM, true),
        (format!(r#"{{"mi_res_id":"{ARM}"}}"#), ARM, true),
        (format!(r#"{{"client_id":"{GUID}"}}"#), ARM, false),
    ] {
        assert_eq!(check(&body, identity).is_ok(), is_meant, "{body} {identity}");
    }
    // The others refuse an identity that they do not know.
    assert!(find(&[]).unwrap().check_answer(b"{}", &GUID.parse().unwrap()).is_ok());
}
