//! The vendor's tables of outcomes, row by row.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/lease-blob#remarks>

use std::time::UNIX_EPOCH;

use super::*;

const A: Uuid = Uuid::from_u128(0xA);
const B: Uuid = Uuid::from_u128(0xB);
const C: Uuid = Uuid::from_u128(0xC);

const STATES: [LeaseState; 5] = [
    LeaseState::Available,
    LeaseState::Leased,
    LeaseState::Breaking,
    LeaseState::Broken,
    LeaseState::Expired,
];

fn at(seconds: u64) -> Stamp {
    Stamp::from_system_time(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn acquire(proposed: Option<Uuid>) -> LeaseOperation {
    LeaseOperation::Acquire { proposed, duration: LeaseDuration::Fixed(Duration::from_secs(30)) }
}

fn break_after(seconds: u64) -> LeaseOperation {
    LeaseOperation::Break { period: Some(Duration::from_secs(seconds)) }
}

/// A lease with the id A, which is in this state at second 100.
fn lease_in(state: LeaseState) -> Lease {
    let mut lease = Lease::default();
    let mut at_second = |second, operation| lease.operate(operation, at(second)).unwrap();
    match state {
        LeaseState::Available => {}
        LeaseState::Leased => drop(at_second(90, acquire(Some(A)))),
        LeaseState::Breaking => {
            at_second(90, acquire(Some(A)));
            at_second(95, break_after(15));
        }
        LeaseState::Broken => {
            at_second(90, acquire(Some(A)));
            at_second(95, break_after(0));
        }
        LeaseState::Expired => drop(at_second(60, acquire(Some(A)))),
    }
    assert_eq!(lease.state(at(100)), state);
    lease
}

#[test]
fn every_operation_has_the_documented_outcome_in_every_state() {
    use LeaseState::{Available, Breaking, Broken, Leased};
    let none = Err(Code::LeaseNotPresentWithLeaseOperation);
    let present = Err(Code::LeaseAlreadyPresent);
    let mismatch = Err(Code::LeaseIdMismatchWithLeaseOperation);
    let unrenewable = Err(Code::LeaseIsBrokenAndCannotBeRenewed);
    let breaking = Err(Code::LeaseIsBreakingAndCannotBeAcquired);
    let unchangeable = Err(Code::LeaseIsBreakingAndCannotBeChanged);
    // The columns are those of STATES.
    let rows = [
        (acquire(None), [Ok(Leased), present, present, Ok(Leased), Ok(Leased)]),
        (acquire(Some(A)), [Ok(Leased), Ok(Leased), breaking, Ok(Leased), Ok(Leased)]),
        (acquire(Some(B)), [Ok(Leased), present, present, Ok(Leased), Ok(Leased)]),
        (break_after(0), [none, Ok(Broken), Ok(Broken), Ok(Broken), Ok(Broken)]),
        (break_after(5), [none, Ok(Breaking), Ok(Breaking), Ok(Broken), Ok(Broken)]),
        (
            LeaseOperation::Change { id: A, proposed: B },
            [none, Ok(Leased), unchangeable, none, none],
        ),
        (
            LeaseOperation::Change { id: B, proposed: A },
            [none, Ok(Leased), unchangeable, none, none],
        ),
        (LeaseOperation::Change { id: B, proposed: C }, [none, mismatch, mismatch, none, none]),
        (LeaseOperation::Renew { id: A }, [none, Ok(Leased), unrenewable, unrenewable, Ok(Leased)]),
        (LeaseOperation::Renew { id: B }, [none, mismatch, mismatch, mismatch, mismatch]),
        (
            LeaseOperation::Release { id: A },
            [none, Ok(Available), Ok(Available), Ok(Available), Ok(Available)],
        ),
        (LeaseOperation::Release { id: B }, [none, mismatch, mismatch, mismatch, mismatch]),
    ];
    for (operation, outcomes) in rows {
        for (state, expected) in STATES.into_iter().zip(outcomes) {
            let before = lease_in(state);
            let mut lease = before.clone();
            let outcome = lease.operate(operation, at(100));
            match expected {
                Ok(after) => {
                    outcome.unwrap();
                    assert_eq!(lease.state(at(100)), after, "{operation:?} in {state:?}");
                }
                Err(code) => {
                    assert_eq!(outcome.unwrap_err().code(), code, "{operation:?} in {state:?}");
                    assert_eq!(lease, before, "{operation:?} in {state:?}");
                }
            }
        }
    }
}

#[test]
fn every_use_has_the_documented_outcome_in_every_state() {
    let absent = Some(Code::LeaseNotPresentWithBlobOperation);
    let mismatch = Some(Code::LeaseIdMismatchWithBlobOperation);
    let lost = Some(Code::LeaseLost);
    let missing = Some(Code::LeaseIdMissing);
    let rows = [
        ("write with A", Some(A), [absent, None, None, lost, lost]),
        ("write with B", Some(B), [absent, mismatch, mismatch, mismatch, mismatch]),
        ("write with none", None, [None, missing, missing, None, None]),
    ];
    let code = |result: Result<(), Failure>| result.err().map(|failure| failure.code());
    for (use_of, given, outcomes) in rows {
        for (state, expected) in STATES.into_iter().zip(outcomes) {
            let lease = lease_in(state);
            let write = code(lease.check_write(super::Leased::Blob, given, at(100)));
            assert_eq!(write, expected, "{use_of} in {state:?}");
            // A read is as a write, but that it needs no lease.
            let read = code(lease.check_given(super::Leased::Blob, given, at(100)));
            assert_eq!(read, given.and(expected), "read in place of {use_of} in {state:?}");
        }
    }
}

#[test]
fn a_break_never_makes_a_lease_longer() {
    // Seconds until broken: asked for, of a lease that has 20 s left, and of an infinite one.
    for (period, of_fixed, of_infinite) in
        [(None, 20, 0), (Some(60), 20, 60), (Some(5), 5, 5), (Some(0), 0, 0)]
    {
        let operation = LeaseOperation::Break { period: period.map(Duration::from_secs) };
        let mut fixed = lease_in(LeaseState::Leased);
        let outcome = fixed.operate(operation, at(100)).unwrap();
        assert_eq!(outcome, LeaseOutcome::Breaking(Duration::from_secs(of_fixed)), "{period:?}");
        let mut infinite = Lease::default();
        let forever =
            LeaseOperation::Acquire { proposed: Some(A), duration: LeaseDuration::Infinite };
        infinite.operate(forever, at(0)).unwrap();
        let outcome = infinite.operate(operation, at(100)).unwrap();
        assert_eq!(outcome, LeaseOutcome::Breaking(Duration::from_secs(of_infinite)), "{period:?}");
        // A second break shortens the first, or leaves it.
        let again = infinite.operate(break_after(30), at(100)).unwrap();
        let rest = Duration::from_secs(of_infinite.min(30));
        assert_eq!(again, LeaseOutcome::Breaking(rest), "{period:?}");
    }
}

#[test]
fn a_write_after_the_end_makes_a_lease_unrenewable() {
    let mut lease = lease_in(LeaseState::Expired);
    lease.after_write(at(100));
    let renewed = lease.operate(LeaseOperation::Renew { id: A }, at(100));
    assert_eq!(renewed.unwrap_err().code(), Code::LeaseNotPresentWithLeaseOperation);
    let mut lease = lease_in(LeaseState::Leased);
    lease.after_write(at(100));
    assert_eq!(lease, lease_in(LeaseState::Leased));
}
