//! A policy compiled for matching, and the layer it acts in.

use std::sync::Arc;

use super::Document;

/// The layer of policies that decides, by the names `evaluate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Identity policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
    /// Service control policies.
    ServiceControl,
    /// Resource control policies.
    ResourceControl,
    /// The resource's own policy, a trust policy included.
    Resource,
    /// The VPC endpoint's policy.
    Endpoint,
}

impl Layer {
    /// `identity`, `boundary`, `session`, `scp`, `rcp`, `resource`, `endpoint`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::ServiceControl => "scp",
            Self::ResourceControl => "rcp",
            Self::Resource => "resource",
            Self::Endpoint => "endpoint",
        }
    }
}

/// A named document compiled once for matching.
#[derive(Debug)]
pub struct Policy {
    name: Arc<str>,
    document: Document,
}

impl Policy {
    /// Compiles a document under the name that explanations print.
    pub fn compile(name: &str, document: Document) -> Arc<Self> {
        Arc::new(Self { name: name.into(), document })
    }

    /// The name given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document it was compiled from.
    pub fn document(&self) -> &Document {
        &self.document
    }
}
