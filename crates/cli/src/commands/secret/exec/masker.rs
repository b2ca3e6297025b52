//! Replaces secrets in a stream of bytes, however the stream is cut into pieces.
//!
//! Every occurrence of every form of a secret is found, also those that overlap: bytes that belong to any of them
//! are left out, and [`MARK`] stands for each run of occurrences that overlap. A byte that can be the beginning of
//! a form is held back until that is decided, all others are passed on at once. Nothing is passed on because time
//! has gone by: a program could then be made to print its secret slowly.
//!
//! One step of an Aho-Corasick automaton is taken per byte, and no more than the longest form is held.

mod forms;

use std::{collections::HashMap, ops::Range, sync::Arc};

use aho_corasick::{
    Anchored, BuildError, MatchKind,
    automaton::{Automaton, StateID},
    nfa::contiguous::NFA,
};
use zeroize::Zeroizing;

/// What stands for a secret: shorter than any secret that is masked, so that it is none itself.
pub(super) const MARK: &[u8] = b"***";

/// Values and forms of fewer bytes are not looked for: they would be found in every other word.
pub(super) const MIN_BYTES: usize = 4;

/// The forms of all secrets, to be looked for at once. Streams share them.
pub(super) struct Patterns {
    automaton: NFA,
    start: StateID,
    /// For each state but the first, how many of the last bytes could be the beginning of a longer match. The
    /// automaton does not tell.
    held: HashMap<StateID, usize>,
    /// Which bytes lead away from the start; all others are passed over without the automaton.
    begins: [bool; 256],
    longest: usize,
}

/// One stream whose secrets are replaced.
pub(super) struct Masker {
    patterns: Arc<Patterns>,
    state: StateID,
    /// Bytes that are read and not decided.
    pending: Zeroizing<Vec<u8>>,
    /// Where in them are secrets: in order, apart from each other.
    covered: Vec<Range<usize>>,
    /// How many of their first bytes belong to a secret whose mark is written already.
    swallowed: usize,
}

impl Patterns {
    /// Looks for these values and for the forms in which programs print them.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Self, BuildError> {
        let mut all = Vec::new();
        for value in values {
            forms::add(value, &mut all);
        }
        Self::new(all)
    }

    fn new(mut forms: Vec<Zeroizing<Vec<u8>>>) -> Result<Self, BuildError> {
        // By length, which `held` relies on.
        forms.sort_unstable_by(|a, b| (a.len(), a.as_slice()).cmp(&(b.len(), b.as_slice())));
        forms.dedup();
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(forms.iter().map(|form| form.as_slice()))?;
        // An automaton of the standard kind can start unanchored.
        let start = automaton.start_state(Anchored::No).unwrap_or_default();
        let held = held(&automaton, start, &forms);
        let mut begins = [false; 256];
        for form in &forms {
            if let Some(first) = form.first() {
                begins[usize::from(*first)] = true;
            }
        }
        let longest = forms.last().map_or(0, |form| form.len());
        Ok(Self { automaton, start, held, begins, longest })
    }

    fn held(&self, state: StateID) -> usize {
        self.held.get(&state).copied().unwrap_or(0)
    }

    /// The length of the longest form that ends here, if any does.
    fn ended(&self, state: StateID) -> Option<usize> {
        if !self.automaton.is_match(state) {
            return None;
        }
        (0..self.automaton.match_len(state))
            .map(|index| self.automaton.pattern_len(self.automaton.match_pattern(state, index)))
            .max()
    }
}

/// After the first bytes of a form, the automaton is in the state of just these bytes, so walking the forms tells
/// what each state stands for.
fn held(automaton: &NFA, start: StateID, forms: &[Zeroizing<Vec<u8>>]) -> HashMap<StateID, usize> {
    let step = |state, byte: &u8| automaton.next_state(Anchored::No, state, *byte);
    let mut held = HashMap::new();
    for form in forms {
        let mut state = start;
        for (index, byte) in form.iter().take(form.len().saturating_sub(1)).enumerate() {
            state = step(state, byte);
            held.insert(state, index + 1);
        }
    }
    // Nothing begins with a form that is the beginning of no other: what counts is the longest of its endings that
    // is. That ending was looked at above, or it is a shorter form and was looked at here.
    for form in forms {
        let state = form.iter().fold(start, step);
        if !held.contains_key(&state) {
            let rest = form.iter().skip(1).fold(start, step);
            let bytes = held.get(&rest).copied().unwrap_or(0);
            held.insert(state, bytes);
        }
    }
    held
}

impl Masker {
    /// At the beginning of a stream.
    pub(super) fn new(patterns: Arc<Patterns>) -> Self {
        let pending = Zeroizing::new(Vec::with_capacity(patterns.longest + CHUNK_BYTES));
        let state = patterns.start;
        Self { patterns, state, pending, covered: Vec::new(), swallowed: 0 }
    }

    /// Takes the stream's next bytes, and adds to `out` all that is decided by them.
    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        // In pieces, so that what is pending never moves to a larger place and leaves a copy behind.
        for piece in chunk.chunks(CHUNK_BYTES) {
            self.push_piece(piece, out);
        }
    }

    /// Adds the rest to `out`: the stream has ended.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        self.pass_on(self.pending.len(), out);
    }

    fn push_piece(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let before = self.pending.len();
        self.pending.extend_from_slice(piece);
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            if self.state == self.patterns.start {
                let begins = &self.patterns.begins;
                match rest.iter().position(|byte| begins[usize::from(*byte)]) {
                    Some(skipped) => at += skipped,
                    None => break,
                }
            }
            let Some(byte) = piece.get(at) else { break };
            self.state = self.patterns.automaton.next_state(Anchored::No, self.state, *byte);
            at += 1;
            if let Some(length) = self.patterns.ended(self.state) {
                let end = before + at;
                self.cover(end.saturating_sub(length)..end);
            }
        }
        let held = self.patterns.held(self.state);
        self.pass_on(self.pending.len().saturating_sub(held), out);
    }

    /// Notes a secret, which ends behind all that are known.
    fn cover(&mut self, mut range: Range<usize>) {
        while let Some(last) = self.covered.pop_if(|last| last.end > range.start) {
            range.start = range.start.min(last.start);
        }
        if range.start < self.swallowed {
            self.swallowed = range.end;
        } else {
            self.covered.push(range);
        }
    }

    /// Passes on the first `length` pending bytes. No secret begins in them that is not noted.
    fn pass_on(&mut self, length: usize, out: &mut Vec<u8>) {
        let mut at = self.swallowed.min(length);
        let begun = self.covered.partition_point(|range| range.start < length);
        for range in self.covered.drain(..begun) {
            out.extend_from_slice(self.pending.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(MARK);
            at = range.end.min(length);
            self.swallowed = range.end;
        }
        out.extend_from_slice(self.pending.get(at..length).unwrap_or_default());
        self.swallowed = self.swallowed.saturating_sub(length);
        for range in &mut self.covered {
            *range = range.start - length..range.end - length;
        }
        self.pending.drain(..length);
    }
}

/// How much is taken in one go: as much as a pipe of Linux holds.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
