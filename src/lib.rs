//! streamkap-doctor: finds out why Streamkap cannot use an AWS role.
//!
//! AWS is read once into plain facts; everything after that is a pure function of the facts.
//! The modules are the stages of that sentence; `docs/design/` says why.

pub mod catalog;
pub mod checks;
pub mod cli;
pub mod collect;
pub mod demo;
pub mod denial;
pub mod denials;
pub mod diagnosis;
pub mod evaluate;
pub mod facts;
pub mod model;
pub mod plan;
pub mod policy;
pub mod prescribe;
pub mod report;
pub mod requirement;
pub mod trail;
