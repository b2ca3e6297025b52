//! Security groups and who is in them.

use std::collections::BTreeMap;

use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
};

/// The object ids of the members, by the object id of the group.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<String, Vec<String>>);

impl Groups {
    /// `object_id` knows the principals by their names.
    pub(super) fn new(config: &Config, object_id: impl Fn(&str) -> Result<String>) -> Result<Self> {
        let mut groups = BTreeMap::new();
        for group in &config.groups {
            let members =
                group.members.iter().map(|name| object_id(name)).collect::<Result<_>>()?;
            if groups.insert(group.object_id.to_string(), members).is_some() {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("the group {} is configured twice", group.object_id),
                ));
            }
        }
        Ok(Self(groups))
    }

    pub(super) fn of(&self, member: &str) -> Vec<String> {
        let is_in = |members: &Vec<String>| members.iter().any(|one| one == member);
        self.0.iter().filter(|(_, members)| is_in(members)).map(|(id, _)| id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::GroupConfig, directory::Directory};

    #[test]
    fn a_group_has_members_that_exist_and_one_entry() {
        let mut config = Config::default();
        let group = |members: &[&str]| GroupConfig {
            object_id: uuid::uuid!("6b1f7c1e-58f1-4a57-9a3c-3f5e0c8d2a11"),
            members: members.iter().map(|name| (*name).to_owned()).collect(),
        };
        config.groups = vec![group(&["uami-demo"])];
        let directory = Directory::new(&config).unwrap();
        let id = |name| directory.by_name(name).unwrap().object_id.as_str();
        assert_eq!(directory.groups_of(id("uami-demo")), ["6b1f7c1e-58f1-4a57-9a3c-3f5e0c8d2a11"]);
        assert!(directory.groups_of(id("app-demo")).is_empty());
        config.groups = vec![group(&["nobody"])];
        assert_eq!(Directory::new(&config).unwrap_err().kind(), ErrorKind::InvalidInput);
        config.groups = vec![group(&[]), group(&[])];
        assert_eq!(Directory::new(&config).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
