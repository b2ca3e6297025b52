//! What is to be known about a secret, as options of `set` and `update`.

use azconnect_keyvault::SecretUpdate;
use azure_core::time::OffsetDateTime;
use clap::Args;

use crate::commands::secret::options::{parse_tag, parse_time};

#[derive(Args, Debug)]
pub(super) struct PropertyOptions {
    /// What the value is, such as `text/plain`
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,

    /// Until when the value is meant to be used: a time (RFC 3339), or a duration from now on such as 90d
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<OffsetDateTime>,

    /// From when on the value is meant to be used
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    not_before: Option<OffsetDateTime>,

    /// A tag; may be repeated. All tags together take the place of those that are there
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<(String, String)>,
}

impl PropertyOptions {
    pub(super) fn update(&self) -> SecretUpdate {
        let mut update = SecretUpdate::new();
        if let Some(content_type) = &self.content_type {
            update = update.with_content_type(content_type);
        }
        if let Some(expires) = self.expires {
            update = update.with_expires(expires);
        }
        if let Some(not_before) = self.not_before {
            update = update.with_not_before(not_before);
        }
        if !self.tags.is_empty() {
            update = update.with_tags(self.tags.iter().cloned());
        }
        update
    }
}
