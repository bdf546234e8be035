//! What the AWS configuration files say of a profile's source of credentials, where the SDK's own words
//! would not help: it calls the network with a single sign-on token that is over.

use std::path::PathBuf;

#[expect(deprecated, reason = "the type that it stands for is of a crate that nothing else needs")]
use aws_config::profile::profile_file::ProfileFiles;
use aws_config::profile::{Profile, load};
use aws_types::os_shim_internal::{Env, Fs};
use jiff::Timestamp;
use serde::Deserialize;

/// Where a profile's credentials come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// Since when its single sign-on token is over; only for those that the SDK does not look at: those of
    /// no `sso_session`.
    pub(super) signed_off: Option<Timestamp>,
    /// Its `credential_source`: `Ec2InstanceMetadata`.
    pub(super) credential_source: Option<String>,
}

impl Source {
    /// That of a profile; nothing is known of one that the files do not have.
    pub(super) async fn of(profile: Option<&str>, now: Timestamp) -> Self {
        #[expect(deprecated, reason = "see its import")]
        let files = ProfileFiles::default();
        let Ok(all) = load(&Fs::real(), &Env::real(), &files, None).await else { return Self::default() };
        let Some(profile) = all.get_profile(profile.unwrap_or("default")) else { return Self::default() };
        let start_url = profile.get("sso_start_url").filter(|_| profile.get("sso_session").is_none());
        Self {
            signed_off: start_url.and_then(token_end).filter(|end| *end <= now),
            credential_source: own_source(profile),
        }
    }
}

fn own_source(profile: &Profile) -> Option<String> {
    profile.get("credential_source").map(str::to_owned)
}

/// A token in the cache that the AWS CLI keeps.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    start_url: String,
    expires_at: String,
}

/// Until when the token for an address holds, as the cache has it.
fn token_end(start_url: &str) -> Option<Timestamp> {
    let home = ["HOME", "USERPROFILE"].iter().find_map(|name| Env::real().get(name).ok())?;
    let files = std::fs::read_dir(PathBuf::from(home).join(".aws/sso/cache")).ok()?;
    let texts = files.flatten().filter_map(|file| std::fs::read(file.path()).ok());
    let tokens = texts.filter_map(|text| serde_json::from_slice::<Token>(&text).ok());
    tokens.filter(|token| token.start_url == start_url).filter_map(|token| moment(&token.expires_at)).max()
}

/// A time as the AWS CLI writes it, which once ended in `UTC`.
fn moment(text: &str) -> Option<Timestamp> {
    text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |start| format!("{start}Z")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_when_the_cli_says() {
        let wanted = "2026-06-17T10:02:08Z".parse().ok();
        assert_eq!(moment("2026-06-17T10:02:08Z"), wanted);
        assert_eq!(moment("2026-06-17T10:02:08UTC"), wanted);
        assert_eq!(moment("soon"), None);
    }
}
