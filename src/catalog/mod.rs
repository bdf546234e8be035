//! `checks/`, embedded at build time: the checks' pages, the connector files, the vendor's facts.

mod action;
mod connector;
mod fault;
mod fields;
mod page;
mod template;
mod validate;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::facts::Target;
use crate::facts::redaction::Kept;
use crate::model::CheckId;

pub use connector::{
    Connector, FileKind, Grade, Level, Need, Parameter, ParameterKind, Phase, ResourcePolicy, When, WhenFact,
    fill, places,
};
pub use fault::DefinitionError;
pub use page::{Page, PageError};
pub use validate::{MAX_BYTES, definition};

mod embedded {
    // Made by build.rs: PAGES and CONNECTORS, each (path below its folder, text), sorted.
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// All that is known about checks, connectors and Streamkap.
#[derive(Clone, Debug)]
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
    /// Whether the connectors' settings offer a region.
    pub fn offers(&self, region: &str) -> bool {
        self.regions.offered.iter().any(|offered| offered == region)
    }

    /// What is wrong with the region that was given, whatever else is true: one sentence.
    pub fn region_oddity(&self, target: &Target) -> Option<String> {
        let region = target.given_region().filter(|region| !self.offers(region))?;
        Some(format!("Streamkap's settings do not offer the region {region}: no connector can be in it."))
    }

    /// That the role given is one of Streamkap's own, which calls and is not called: one sentence.
    pub fn own_role(&self, target: &Target) -> Option<String> {
        let own = target.role.account.as_ref().filter(|it| **it == self.account)?;
        Some(format!(
            "The role {} is in account {own}, which is Streamkap's own: it is who calls. Name the role in your \
             account that the connector's settings in the Streamkap app show.",
            target.role.name
        ))
    }

    /// What is wrong with the partition of the role or the region that was given, whatever else is true: one
    /// sentence.
    pub fn partition_oddity(&self, target: &Target) -> Option<String> {
        let own = &self.partition;
        let of_role = target.role.partition.as_ref().map(|it| ("The role".to_owned(), it.clone()));
        let of_region = || {
            let region = target.given_region()?;
            Some((format!("The region {region}"), crate::model::Partition::of_region(region)))
        };
        let (what, partition) = of_role.or_else(of_region).filter(|(_, partition)| partition != own)?;
        Some(format!(
            "{what} is in the partition {partition} and Streamkap in {own}: no role can be assumed from another partition."
        ))
    }

    /// What of the vendor stays as it is when a case is redacted.
    pub fn kept(&self) -> Kept {
        let accounts = self.byoc.accounts.iter().chain([&self.account]);
        let roles = self.principals.iter().map(|principal| principal.arn.name().to_owned());
        Kept {
            accounts: accounts.map(ToString::to_string).collect(),
            sessions: self.session_names.clone(),
            roles: roles.filter(|name| name != "root").collect(),
            choices: BTreeMap::new(),
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
            .map(|(path, text)| definition(path, text.as_bytes()).map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        let vendor = toml::from_str(embedded::VENDOR).map_err(|error| format!("streamkap.toml: {error}"))?;
        Ok(Self { pages, connectors, vendor })
    }

    /// This catalogue and a connector of the user's own; `path` is how its text is called.
    ///
    /// # Errors
    /// When the text is no connector file, or its connector has the name of another.
    pub fn with(mut self, path: &str, text: &[u8]) -> Result<Self, DefinitionError> {
        let connector = definition(path, text)?;
        match self.connector(&connector.name) {
            Some(known) if *known == connector => {}
            Some(_) => {
                return Err(validate::taken(path, text, &connector.name));
            }
            None => self.connectors.push(connector),
        }
        Ok(self)
    }

    /// The built-in catalogue and the connectors that a target brings along.
    ///
    /// # Errors
    /// When one of them cannot be used, or the target names a connector that nobody defines: nothing
    /// would be known of its needs.
    pub fn of_target(target: &Target) -> Result<Cow<'static, Self>, DefinitionError> {
        let mut catalog = Cow::Borrowed(Self::built_in());
        for wanted in &target.connectors {
            let name = wanted.connector.as_str();
            if let Some(text) = &wanted.definition {
                let path = format!("the definition of `{name}`");
                catalog = Cow::Owned(catalog.into_owned().with(&path, text.as_bytes())?);
            }
            if catalog.connector(name).is_none() {
                let what = "neither this doctor nor a definition beside it knows this connector";
                return Err(DefinitionError::whole(&format!("`{name}`"), what));
            }
        }
        Ok(catalog)
    }

    /// What stays as it is when a case is redacted: what of the vendor everybody knows, and the values that
    /// connector files offer.
    pub fn kept(&self) -> Kept {
        let mut kept = self.vendor.kept();
        for connector in &self.connectors {
            for parameter in connector.parameters.iter().filter(|it| !it.choices.is_empty()) {
                let choices = kept.choices.entry(parameter.name.clone()).or_default();
                choices.extend(parameter.choices.iter().cloned());
            }
        }
        kept
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
        let byoc = catalog.connector("byoc").unwrap();
        for account in &catalog.vendor.byoc.accounts {
            assert!(byoc.principals.iter().any(|it| it.account() == account.as_str()), "{account}");
        }
        assert!(catalog.pages.windows(2).all(|pair| pair[0].id < pair[1].id));
    }
}
