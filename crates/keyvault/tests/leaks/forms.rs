//! Random secrets, and the forms in which a text may show one.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Makes secrets; the seed is printed, so that a failure can be repeated.
pub(crate) struct Random(fastrand::Rng);

impl Random {
    #[expect(clippy::print_stderr, reason = "shown when the test fails")]
    pub(crate) fn new() -> Self {
        let seed = fastrand::u64(..);
        eprintln!("the seed is {seed}");
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A secret long enough not to be found by chance.
    pub(crate) fn secret(&mut self) -> String {
        let rng = &mut self.0;
        let length = if rng.u8(..) == 0 { rng.usize(2_000..4_000) } else { rng.usize(12..80) };
        let kind = rng.u8(0..6);
        let mut value: String = (0..length)
            .map(|_| match kind {
                0 => rng.alphanumeric(),
                1 => char::from(rng.u8(b' '..=b'~')),
                2 => *rng.choice(&['ä', '€', '🔑', 'x', '\u{7}', '"', '\\']).unwrap(),
                3 => *rng.choice(&['\n', '\r', 'a', 'b', '-', '=']).unwrap(),
                4 => *rng.choice(&['{', '}', '"', ':', ',', '[', ']', '1']).unwrap(),
                _ => *rng.choice(&['A', 'B', '+', '/', '=', '0', '%', '2']).unwrap(),
            })
            .collect();
        // Random brackets and letters are found everywhere; these digits are not.
        let middle = value.char_indices().nth(4).map_or(0, |(index, _)| index);
        value.insert_str(middle, &rng.u64(1 << 60..).to_string());
        value
    }
}

/// The form in which `text` shows `secret`, if it does: as it is, or a part of it that is long
/// enough to be told from chance.
pub(crate) fn leak(text: &str, secret: &str) -> Option<String> {
    shown_by_programs(secret).into_iter().find(|form| text.contains(form.as_str()))
}

/// What programs make of a secret. Of base64 the part that is the same wherever the secret lies.
pub(crate) fn shown_by_programs(secret: &str) -> Vec<String> {
    let debug = format!("{secret:?}");
    let json = serde_json::to_string(secret).unwrap();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut forms = vec![
        secret.to_owned(),
        debug[1..debug.len() - 1].to_owned(),
        json[1..json.len() - 1].to_owned(),
        percent.to_lowercase(),
        percent,
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        // As lists of bytes.
        format!("{:?}", secret.as_bytes()).trim_matches(['[', ']']).to_owned(),
    ];
    for before in 0..3 {
        let bytes = [&vec![0; before][..], secret.as_bytes()].concat();
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        forms.push(STANDARD_NO_PAD.encode(&bytes)[from..to].to_owned());
        forms.push(URL_SAFE_NO_PAD.encode(&bytes)[from..to].to_owned());
    }
    forms
}
