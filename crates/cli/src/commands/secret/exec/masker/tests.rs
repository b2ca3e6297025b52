//! The stream is compared with a search for every form at every position of the whole text.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::*;

/// Numbers that are the same in every run: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((number ^ (number >> 31)) % limit as u64) as usize
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let characters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| characters[self.below(characters.len())]).collect()
    }
}

fn exactly(forms: &[&str]) -> Arc<Patterns> {
    let forms = forms.iter().map(|form| Zeroizing::new(form.as_bytes().to_vec()));
    Arc::new(Patterns::new(forms.collect()).unwrap())
}

fn masked(patterns: &Arc<Patterns>, pieces: &[&[u8]]) -> Vec<u8> {
    let mut masker = Masker::new(patterns.clone());
    let mut out = Vec::new();
    for piece in pieces {
        masker.push(piece, &mut out);
    }
    masker.finish(&mut out);
    out
}

fn of(values: &[&str], text: &str) -> String {
    let patterns = Arc::new(Patterns::of(values.iter().copied()).unwrap());
    let whole = masked(&patterns, &[text.as_bytes()]);
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(masked(&patterns, &bytes), whole, "{text}");
    String::from_utf8(whole).unwrap()
}

/// The definition: bytes of any occurrence go, a mark stands for each run of them that overlap.
fn by_definition(forms: &[&str], text: &[u8]) -> Vec<u8> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for form in forms.iter().map(|form| form.as_bytes()) {
        for start in 0..text.len() {
            if text[start..].starts_with(form) {
                found.push((start, start + form.len()));
            }
        }
    }
    found.sort_unstable();
    let (mut out, mut at) = (Vec::new(), 0);
    for (start, end) in found {
        if start >= at {
            out.extend_from_slice(&text[at..start]);
            out.extend_from_slice(MARK);
        }
        at = at.max(end);
    }
    out.extend_from_slice(&text[at..]);
    out
}

#[test]
fn any_cut_of_any_text_gives_what_the_whole_text_gives() {
    let mut numbers = Numbers(4711);
    for round in 0..3000 {
        // Two letters make secrets that repeat, overlap and begin or end with each other.
        let alphabet = ["ab", "abc", "abcdefghij\n\0é"][round % 3];
        let secrets: Vec<String> = (0..1 + numbers.below(4))
            .map(|_| {
                let length = 4 + numbers.below(6);
                numbers.text(alphabet, length)
            })
            .collect();
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let mut text = Vec::new();
        for _ in 0..numbers.below(12) {
            if numbers.below(3) == 0 {
                text.extend_from_slice(secrets[numbers.below(secrets.len())].as_bytes());
            }
            let length = numbers.below(9);
            text.extend_from_slice(numbers.text(alphabet, length).as_bytes());
            if numbers.below(4) == 0 {
                text.push(0xff);
            }
        }
        let mut pieces = Vec::new();
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((1 + numbers.below(7)).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        let out = masked(&exactly(&secrets), &pieces);
        assert_eq!(out, by_definition(&secrets, &text), "{secrets:?} {text:?} {pieces:?}");
        for secret in &secrets {
            assert!(!out.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}

#[test]
fn nothing_is_held_that_cannot_be_the_beginning_of_a_secret() {
    #[track_caller]
    fn check(patterns: &Arc<Patterns>, text: &str, passed_on: &str) {
        let mut out = Vec::new();
        Masker::new(patterns.clone()).push(text.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), passed_on, "{text}");
    }
    let patterns = exactly(&["hunter2", "hunter2-old", "2-ox"]);
    check(&patterns, "Password: ", "Password: ");
    check(&patterns, "a hun", "a ");
    check(&patterns, "a hunt ", "a hunt ");
    check(&patterns, "hunter2", "");
    check(&patterns, "hunter2 ", "*** ");
    check(&patterns, "hunter2-ol", "");
    check(&patterns, "hunter2-old", "***");
    // The mark is out, and the ending `2-o` waits for the other secret.
    check(&patterns, "hunter2-o ", "***-o ");
    check(&exactly(&["aaaa"]), "aaaaaaa", "***");
    check(&exactly(&["abcdab"]), "abcdab", "***");
}

#[test]
fn secrets_that_overlap_or_repeat_are_masked_as_one() {
    let check = |forms: &[&str], text: &str, expected: &str| {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        let out = masked(&exactly(forms), &pieces);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
    };
    check(&["aaaa"], "aaa", "aaa");
    check(&["aaaa"], "baaaaab", "b***b");
    check(&["aaaa"], &"a".repeat(1000), "***");
    check(&["abcd", "cdef"], "xabcdefx", "x***x");
    check(&["abcd", "abcdefgh"], "abcdefgx abcdefgh", "***efgx ***");
    check(&["cdef", "abcdef"], "bcdef abcdef", "b*** ***");
    check(&["bcde", "abcdefg"], "abcdefx abcdefg", "a***fx ***");
    check(&["abcd"], "abcdabcd", "******");
}

#[test]
fn lines_and_the_value_without_its_line_feed_are_masked() {
    let value = "first line\r\n  indented\n}\nlast\n";
    assert_eq!(of(&[value], &format!("[{value}]")), "[***]");
    assert_eq!(of(&[value], &format!("[{}]", value.trim_end())), "[***]");
    assert_eq!(of(&[value], "indented, last; first line"), "***, ***; ***");
    assert_eq!(of(&[value], "    }\n"), "    }\n");
}

#[test]
fn base64_is_masked_wherever_the_secret_lies_in_it() {
    let secret = "s3cr3t/pässwörd?>~";
    for before in 0..7 {
        for behind in 0..4 {
            let text = [&"u".repeat(before), secret, &"v".repeat(behind)].concat();
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let out = of(&[secret], &encoded);
                assert!(out.contains("***"), "{encoded} {out}");
                // At most one character on each side shares bits with the secret.
                let kept = out.replace("***", "").replace('=', "");
                let shared = usize::from(behind > 0);
                let neighbors = (before * 8).div_ceil(6) + (behind * 8).div_ceil(6) + shared;
                assert!(kept.len() <= neighbors, "{out}");
            }
        }
    }
    assert_eq!(of(&[secret], &STANDARD.encode(secret)), "***");
    assert_eq!(of(&[secret], &STANDARD_NO_PAD.encode(secret)), "***");
    // GNU's `base64` at its default.
    let long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-and-more";
    let encoded = STANDARD.encode(long);
    let wrapped = [&encoded[..76], "\n", &encoded[76..], "\n"].concat();
    assert_eq!(of(&[long], &wrapped), "***\n***\n");
}

#[test]
fn percent_encoding_is_masked() {
    let secret = "p@ss w/ö(r)d*~";
    for encoded in [
        "p%40ss%20w%2F%C3%B6%28r%29d%2A~",
        "p%40ss%20w%2f%c3%b6%28r%29d%2a~",
        "p%40ss%20w/%C3%B6%28r%29d%2A~",
        "p%40ss%20w%2F%C3%B6(r)d*~",
        "p%40ss+w%2F%C3%B6%28r%29d*%7E",
        "p%40ss%20w%2F%C3%B6(r)d*~",
    ] {
        assert_eq!(of(&[secret], encoded), "***");
    }
}

#[test]
fn the_inside_of_a_json_string_is_masked() {
    let secret = "a\"b\\c\n<\u{7}ö🔑>";
    // serde_json; json.dumps of Python; json.Marshal of Go; JsonSerializer of .NET
    for encoded in [
        serde_json::to_string(secret).unwrap(),
        r#""a\"b\\c\n<\u0007\u00f6\ud83d\udd11>""#.to_owned(),
        r#""a\"b\\c\n\u003c\u0007ö🔑\u003e""#.to_owned(),
        r#""a\u0022b\\c\n\u003C\u0007\u00F6\uD83D\uDD11\u003E""#.to_owned(),
    ] {
        assert_eq!(of(&[secret], &encoded), "\"***\"");
    }
}

#[test]
fn values_of_three_bytes_are_left_alone_and_no_value_is_looked_for_by_fewer() {
    assert_eq!(of(&["abc", ""], "abc abc"), "abc abc");
    let mut all = Vec::new();
    forms::add("ab\n\n\n", &mut all);
    assert!(all.iter().all(|form| form.len() >= MIN_BYTES));
    assert_eq!(of(&[], "abc"), "abc");
}

#[test]
fn a_hundred_megabytes_are_masked_with_little_memory() {
    // The longest value that Key Vault takes.
    let secret = Numbers(1).text("abcdefghijklmnop", 25_000);
    let patterns = Arc::new(Patterns::of([secret.as_str()]).unwrap());
    let mut masker = Masker::new(patterns.clone());
    let mut chunk = secret.as_bytes()[..24_999].to_vec();
    chunk.extend_from_slice(&[0xff; 40_001]);
    let capacity = masker.pending.capacity();
    let (mut out, mut total) = (Vec::with_capacity(2 * chunk.len()), 0);
    for _ in 0..1_600 {
        masker.push(&chunk, &mut out);
        total += out.len();
        out.clear();
    }
    assert_eq!(masker.pending.capacity(), capacity);
    assert!(capacity <= patterns.longest + CHUNK_BYTES);
    masker.finish(&mut out);
    assert_eq!(total + out.len(), 1_600 * chunk.len());
}
