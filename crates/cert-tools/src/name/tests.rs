//! Tests of distinguished names in the text form of RFC 4514.

use super::*;
use crate::error::ErrorKind;

#[track_caller]
fn check(text: &str, shown: &str) {
    let name: DistinguishedName = text.parse().unwrap();
    assert_eq!(name.to_string(), shown);
    // What OpenSSL encodes reads back as the same text.
    assert_eq!(to_text(&name.to_openssl().unwrap()), shown);
    assert_eq!(shown.parse::<DistinguishedName>().unwrap(), name);
}

#[test]
fn names_go_through_text_and_back() {
    check("CN=node-1", "CN=node-1");
    check("cn = node-1 , O = Contoso", "CN=node-1,O=Contoso");
    check(r"CN=a\,b\+c,O=x\=y,C=SE", r"CN=a\,b\+c,O=x=y,C=SE");
    check(r"CN=\ lead and trail\ ", r"CN=\ lead and trail\ ");
    check(r"CN=\#1", r"CN=\#1");
    check(r"CN=Lu\C4\8Di\C4\87", "CN=Lučić");
    check("CN=a,OU=b,OU=c,DC=example,DC=net", "CN=a,OU=b,OU=c,DC=example,DC=net");
    check("CN=a,L=Lund,ST=Skåne", "CN=a,L=Lund,ST=Skåne");
}

#[test]
fn what_is_no_name_is_refused() {
    let long = format!("CN={}", "a".repeat(65));
    let controls = [r"CN=a\00b", "CN=a\nb", r"CN=a\1B[2J"];
    let broken = [
        "", "node-1", "CN=", "CN=a,", "CN=a,b", "XX=a", "CN=a+O=b", "CN=\"a\"", "CN=#0401",
        r"CN=a\", "C=SWE",
    ];
    for text in broken.into_iter().chain(controls).chain([long.as_str()]) {
        let error = text.parse::<DistinguishedName>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
    }
}

#[test]
fn a_country_outside_the_alphabet_is_refused_when_encoded() {
    let name: DistinguishedName = "CN=a,C=åå".parse().unwrap();
    assert_eq!(name.to_openssl().err().unwrap().kind(), ErrorKind::InvalidInput);
}

#[test]
fn control_characters_of_a_stranger_are_shown_escaped() {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, "a\u{1b}[2Jb").unwrap();
    assert_eq!(to_text(&builder.build()), r"CN=a\1B[2Jb");
}
