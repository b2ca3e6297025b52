//! Templates, from the text to the text.

use super::*;

const ID: &str = "https://kv-demo.vault.azure.net/secrets/db";

fn parse(text: &[u8]) -> Result<Template<'_>, Failure> {
    Template::parse(text, "app.tmpl", &Cloud::load("public").unwrap())
}

/// Renders with the values `<1>`, `<2>` and so on.
fn render(text: &[u8]) -> Vec<u8> {
    let template = parse(text).unwrap();
    let values: Vec<_> = (1..=template.wanted().len())
        .map(|number| SecretValue::from(format!("<{number}>")))
        .collect();
    template.render(&values).to_vec()
}

#[test]
fn every_spelling_of_a_reference_is_replaced_where_it_stands() {
    let text = format!(
        "a={{{{ akv://kv-demo/db }}}}\r\nb={{{{{ID}}}}} \
         {{{{@Microsoft.KeyVault(VaultName=kv-demo;SecretName=db)}}}}"
    );
    assert_eq!(render(text.as_bytes()), b"a=<1>\r\nb=<2> <3>");
    assert_eq!(render(b""), b"");
    assert_eq!(render(b"{{akv://kv-demo/db}}{{akv://kv-demo/db}}"), b"<1><2>");
}

#[test]
fn all_else_stays_as_it_is() {
    for text in [
        &b"\xff\xfe {{ .Values.name }} {{ user | upper }} {% if x %} { } {{"[..],
        b"{{ https://example.com/page }} }} {{}} {{{{ }}}}",
        b"{{\n akv://kv-demo/db }}",
        b"{{ \xff }}",
        b"{{ {{ x }} }}",
    ] {
        assert_eq!(render(text), text);
    }
    assert_eq!(render(b"{{ {{ akv://kv-demo/db }} }}"), b"{{ <1> }}");
}

#[test]
fn filters_write_a_value_for_its_place() {
    for (filters, expected) in [
        ("", "a\"b\\ \n&é"),
        ("| json", "a\\\"b\\\\ \\n&é"),
        ("| base64", "YSJiXCAKJsOp"),
        ("| urlencode", "a%22b%5C%20%0A%26%C3%A9"),
        ("|base64|urlencode", "YSJiXCAKJsOp"),
        ("| urlencode | base64", "YSUyMmIlNUMlMjAlMEElMjYlQzMlQTk="),
    ] {
        let text = format!("{{{{ akv://kv-demo/db {filters} }}}}");
        let rendered = parse(text.as_bytes()).unwrap().render(&["a\"b\\ \n&é".to_owned().into()]);
        assert_eq!(String::from_utf8_lossy(&rendered), expected, "{filters}");
    }
}

#[test]
fn what_can_only_be_meant_as_a_reference_must_be_one() {
    for (text, place, what) in [
        ("a\nb {{ akv://kv-demo }}", "line 2, column 3", "no valid reference"),
        ("{{ akv://kv-demo/db", "line 1, column 1", "`}}` is missing"),
        ("{{ akv://kv-demo/db\n}}", "line 1, column 1", "`}}` is missing"),
        ("{{ @Microsoft.KeyVault(VaultName=kv-demo) }}", "line 1, column 1", "no valid reference"),
        ("{{ akv://kv-demo/db | rot13 }}", "line 1, column 1", "no filter has this name"),
    ] {
        let failure = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(failure.contains("app.tmpl") && failure.contains(place), "{failure}");
        assert!(failure.contains(what), "{failure}");
    }
}
