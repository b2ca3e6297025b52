//! Waiting in front of an operation that is allowed and refused in turns.

use std::{cell::RefCell, collections::VecDeque};

use super::*;
use crate::{clock::testing::TestClock, error::ErrorKind, operation::Operation};

/// An operation that succeeds and is refused in turns.
struct Flapping {
    outcomes: RefCell<VecDeque<Result<()>>>,
    calls: RefCell<usize>,
}

impl Flapping {
    /// `y`: allowed, `n`: no role, `f`: the firewall.
    fn new(outcomes: &str) -> Self {
        let outcomes = outcomes.chars().map(|outcome| match outcome {
            'y' => Ok(()),
            'n' => Err(refusal("ForbiddenByRbac")),
            _ => Err(refusal("ForbiddenByFirewall")),
        });
        Self { outcomes: RefCell::new(outcomes.collect()), calls: RefCell::new(0) }
    }

    async fn act(&self) -> Result<()> {
        *self.calls.borrow_mut() += 1;
        self.outcomes.borrow_mut().pop_front().unwrap_or_else(|| Err(refusal("ForbiddenByRbac")))
    }
}

fn refusal(code: &str) -> Error {
    Error::of_code(403, code)
}

fn task(operation: Operation) -> Task {
    Task { operation, resource: "\"db\" of https://kv/".to_owned() }
}

async fn wait(access: &Access, proof: Proof, outcomes: &str) -> (Result<()>, usize, TestClock) {
    let (clock, flapping) = (TestClock::default(), Flapping::new(outcomes));
    let task = task(Operation::GetSecret);
    let outcome = access.wait(&clock, &task, proof, || flapping.act()).await;
    let calls = *flapping.calls.borrow();
    (outcome, calls, clock)
}

fn quarter_of_an_hour() -> Access {
    Access::new(AccessWait::new(Duration::from_secs(900)))
}

#[tokio::test]
async fn one_success_among_refusals_proves_nothing() {
    for (outcomes, calls) in [("yyy", 3), ("nnyyy", 5), ("nynyynyyy", 9)] {
        let (outcome, made, _) = wait(&quarter_of_an_hour(), Proof::Repeated, outcomes).await;
        outcome.unwrap();
        assert_eq!(made, calls, "{outcomes}");
    }
}

#[tokio::test]
async fn what_was_proven_is_not_proven_again_until_it_is_refused() {
    let access = quarter_of_an_hour();
    assert_eq!(wait(&access, Proof::Repeated, "yyy").await.1, 3);
    assert_eq!(wait(&access, Proof::Repeated, "y").await.1, 1);
    assert_eq!(wait(&access, Proof::Repeated, "nyyy").await.1, 4);
}

#[tokio::test]
async fn a_change_leaves_the_proof_as_it_is() {
    let access = quarter_of_an_hour();
    assert_eq!(wait(&access, Proof::Once, "y").await.1, 1);
    assert_eq!(wait(&access, Proof::Repeated, "yyy").await.1, 3);
    assert_eq!(wait(&access, Proof::Once, "y").await.1, 1);
    assert_eq!(wait(&access, Proof::Repeated, "y").await.1, 1);
}

#[tokio::test]
async fn a_change_is_made_once() {
    let (outcome, calls, _) = wait(&quarter_of_an_hour(), Proof::Once, "nny").await;
    outcome.unwrap();
    assert_eq!(calls, 3);
}

#[tokio::test]
async fn pauses_grow_and_end_at_the_deadline() {
    let (outcome, calls, clock) = wait(&quarter_of_an_hour(), Proof::Repeated, "").await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.service_code(), Some("ForbiddenByRbac"));
    assert_eq!(
        error.to_string(),
        "cannot get secret \"db\" of https://kv/: access was not granted within 900 s"
    );
    let pauses = clock.pauses();
    assert_eq!(pauses.len(), calls - 1);
    for (pause, expected) in pauses.iter().zip([2.0, 4.0, 8.0, 16.0, 30.0, 30.0]) {
        let pause = pause.as_secs_f64();
        assert!((expected..=expected * 1.25).contains(&pause), "{pause} for {expected}");
    }
    assert!(pauses.iter().sum::<Duration>() <= Duration::from_secs(900));
}

#[tokio::test]
async fn no_other_refusal_is_waited_for() {
    let (outcome, calls, clock) = wait(&quarter_of_an_hour(), Proof::Repeated, "f").await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!((calls, clock.pauses().len()), (1, 0));
    let (outcome, calls, _) = wait(&quarter_of_an_hour(), Proof::Repeated, "nyf").await;
    assert_eq!(outcome.unwrap_err().service_code(), Some("ForbiddenByFirewall"));
    assert_eq!(calls, 3);
}
