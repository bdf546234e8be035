//! `checks/`, embedded at build time: the checks' pages, the connector files, the vendor's facts.

mod connector;
mod page;

use std::sync::OnceLock;

use serde::Deserialize;

use crate::facts::redaction::Kept;
use crate::model::CheckId;

pub use connector::{
    Connector, Grade, Level, Need, Parameter, ParameterKind, Phase, When, WhenFact, fill, places,
};
pub use page::{Page, PageError};

mod embedded {
    // Made by build.rs: PAGES and CONNECTORS, each (path below its folder, text), sorted.
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// All that is known about checks, connectors and Streamkap.
#[derive(Debug)]
pub struct Catalog {
    /// Check pages in report order.
    pub pages: Vec<Page>,
    /// Connectors by name.
    pub connectors: Vec<Connector>,
    /// The vendor's facts.
    pub vendor: Vendor,
}

/// `checks/streamkap.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Streamkap's account.
    pub account: crate::model::AccountId,
    /// The partition it is in.
    pub partition: crate::model::Partition,
    /// The guide's address.
    pub guide: String,
    /// Session names its connectors use; `*` stands for anything.
    pub session_names: Vec<String>,
    /// What its connectors ask of AssumeRole, in seconds.
    pub session_seconds: i32,
    /// Principals it calls from.
    #[serde(rename = "principal")]
    pub principals: Vec<VendorPrincipal>,
    /// Regions its settings offer.
    pub regions: Regions,
    /// The BYOC installer.
    pub byoc: Byoc,
}

/// A principal Streamkap calls from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorPrincipal {
    /// Its ARN.
    pub arn: crate::model::Arn,
    /// For which connectors.
    pub r#use: String,
    /// Where this is known from.
    pub source: String,
}

/// Regions Streamkap's settings offer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// Region names.
    pub offered: Vec<String>,
    /// Where this is known from.
    pub source: String,
}

/// The BYOC installer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Byoc {
    /// Who it is, in words.
    pub installer: String,
    /// Its accounts.
    pub accounts: Vec<crate::model::AccountId>,
    /// Where this is known from.
    pub source: String,
}

impl Vendor {
    /// What of the vendor stays as it is when a case is redacted, with the words of the doctor itself.
    pub fn kept(&self) -> Kept {
        let accounts = self.byoc.accounts.iter().chain([&self.account]);
        let roles = self.principals.iter().map(|principal| principal.arn.name().to_owned());
        Kept {
            accounts: accounts.map(ToString::to_string).collect(),
            sessions: self.session_names.clone(),
            words: roles.filter(|name| name != "root").collect(),
        }
    }
}

impl Catalog {
    /// The catalogue built into the program.
    ///
    /// # Panics
    /// Never: a test of every build loads it.
    pub fn built_in() -> &'static Self {
        static BUILT_IN: OnceLock<Catalog> = OnceLock::new();
        BUILT_IN.get_or_init(|| {
            #[expect(clippy::expect_used, reason = "the embedded files are read by a test of every build")]
            Self::load().expect("the built-in catalogue is valid")
        })
    }

    fn load() -> Result<Self, String> {
        let mut pages = Vec::with_capacity(embedded::PAGES.len());
        for (path, text) in embedded::PAGES {
            pages.push(Page::parse(path, text).map_err(|error| error.to_string())?);
        }
        pages.sort_by_key(|page| page.id);
        let connectors = embedded::CONNECTORS
            .iter()
            .map(|(path, text)| Connector::parse(text).map_err(|error| format!("{path}: {error}")))
            .collect::<Result<_, _>>()?;
        let vendor = toml::from_str(embedded::VENDOR).map_err(|error| format!("streamkap.toml: {error}"))?;
        Ok(Self { pages, connectors, vendor })
    }

    /// The page of a check.
    pub fn page(&self, id: CheckId) -> Option<&Page> {
        self.pages.iter().find(|page| page.id == id)
    }

    /// The connector of this name.
    pub fn connector(&self, name: &str) -> Option<&Connector> {
        self.connectors.iter().find(|connector| connector.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_valid() {
        let catalog = Catalog::load().unwrap();
        assert!(catalog.connector("s3").is_some());
        assert!(catalog.vendor.regions.offered.is_sorted());
        assert!(catalog.pages.windows(2).all(|pair| pair[0].id < pair[1].id));
    }
}
