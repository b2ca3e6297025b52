//! The resources (token audiences) that the tenant knows.

use url::Url;

use crate::config::TOKEN_EXCHANGE_AUDIENCE;

/// Whether tokens may be asked for this resource: one of Azure's own, or a storage account's URL.
pub(crate) fn is_known(resource: &str) -> bool {
    let bare = resource.trim_end_matches('/');
    KNOWN.contains(&bare) || is_storage_account(bare)
}

/// Storage takes a token for the account's own URL as well.
fn is_storage_account(resource: &str) -> bool {
    let Ok(url) = Url::parse(resource) else { return false };
    let Some((account, service)) = url.host_str().and_then(|host| host.split_once('.')) else {
        return false;
    };
    url.scheme() == "https"
        && url.path() == "/"
        && !account.is_empty()
        && ["blob.core.windows.net", "dfs.core.windows.net"].contains(&service)
}

const KNOWN: &[&str] = &[
    TOKEN_EXCHANGE_AUDIENCE,
    "https://batch.core.windows.net",
    "https://database.windows.net",
    "https://graph.microsoft.com",
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://sql.azuresynapse.net",
    "https://storage.azure.com",
    "https://vault.azure.net",
];

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn resources_of_azure_are_known_and_others_are_not() {
        for (resource, known) in [
            ("https://vault.azure.net", true),
            ("https://database.windows.net/", true),
            ("https://lakedemo.dfs.core.windows.net", true),
            ("https://lakedemo.dfs.core.windows.net/raw", false),
            ("http://lakedemo.dfs.core.windows.net", false),
            ("https://dfs.core.windows.net", false),
            ("https://vault.azure.net.example.org", false),
            ("vault", false),
            ("", false),
        ] {
            assert_eq!(is_known(resource), known, "{resource}");
        }
    }
}
