//! What this crate adds to the official client's pipeline: when a request is sent again, and who may
//! be told the token.

mod challenge;
mod retry;

pub use self::retry::RetryOptions;
pub(crate) use self::{
    challenge::{Challenge, ChallengePolicy, Foreign},
    retry::{RetryPolicy, retry_after},
};
