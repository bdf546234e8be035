//! Where denials can be read from, what each source can show, and which to take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::selector::{Kind, Logged};

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// `LookupEvents`: always there; ninety days; no data events; two calls a second.
    EventHistory,
    /// A trail's log files in S3.
    TrailBucket,
    /// Log files on disk or standard input.
    Logs,
    /// CloudTrail Lake: billed by bytes scanned.
    Lake,
    /// Athena: billed by bytes scanned.
    Athena,
}

impl SourceKind {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventHistory => "CloudTrail event history",
            Self::TrailBucket => "trail logs in S3",
            Self::Logs => "log files",
            Self::Lake => "CloudTrail Lake",
            Self::Athena => "Athena",
        }
    }
}

/// What a source can show of what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "can", rename_all = "snake_case")]
pub enum Verdict {
    /// All of it.
    All,
    /// Part of it.
    Some {
        /// What it cannot show.
        missing: Vec<Kind>,
    },
    /// None of it, or it cannot be read.
    None {
        /// Why.
        why: String,
    },
}

/// A source as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    /// Which.
    pub source: SourceKind,
    /// Its name: a trail's, a data store's; empty for event history.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it can show.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What it would cost, in words: time, money.
    pub cost: String,
    /// How to ask for it by hand.
    pub option: String,
}

impl Offer {
    /// Event history, which never holds data events. `regions` are those that would be searched.
    pub fn event_history(wanted: &[Kind], regions: usize) -> Self {
        let missing: Vec<_> = wanted.iter().copied().filter(|kind| *kind == Kind::S3Objects).collect();
        let verdict = match missing.len() {
            0 => Verdict::All,
            all if all == wanted.len() => {
                Verdict::None { why: "it holds no data events, and calls on S3 objects are such".to_owned() }
            }
            _ => Verdict::Some { missing },
        };
        Self {
            source: SourceKind::EventHistory,
            name: String::new(),
            verdict,
            cost: format!("free; two calls a second in each of {regions} regions; 90 days"),
            option: "--source event-history".to_owned(),
        }
    }

    /// A trail whose bucket can be listed, or the reason why it cannot.
    pub fn trail(name: &str, wanted: &[Kind], logged: Result<&Logged, &str>) -> Self {
        let verdict = match logged {
            Err(why) => Verdict::None { why: why.to_owned() },
            Ok(logged) => {
                let missing: Vec<_> = wanted.iter().copied().filter(|kind| !logged.shows(*kind)).collect();
                match missing.len() {
                    0 => Verdict::All,
                    all if all == wanted.len() => {
                        Verdict::None { why: "its event selectors record none of it".to_owned() }
                    }
                    _ => Verdict::Some { missing },
                }
            }
        };
        Self {
            source: SourceKind::TrailBucket,
            name: name.to_owned(),
            verdict,
            cost: "S3 requests and the transfer of the days searched".to_owned(),
            option: "--source trail".to_owned(),
        }
    }

    fn missing(&self) -> Option<usize> {
        match &self.verdict {
            Verdict::All => Some(0),
            Verdict::Some { missing } => Some(missing.len()),
            Verdict::None { .. } => None,
        }
    }
}

/// The source to take and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the offers; none when no source can show anything.
    pub chosen: Option<usize>,
    /// One sentence.
    pub why: String,
}

/// Takes the cheapest source that can show all that is wanted, else the one that shows most.
///
/// `offers` stand in order of cost, the cheapest first.
pub fn choose(offers: &[Offer]) -> Choice {
    let able = offers.iter().enumerate().filter_map(|(at, offer)| Some((offer.missing()?, at)));
    let Some((missing, at)) = able.min() else {
        return Choice {
            chosen: None,
            why: "no source that could be reached can show these denials".to_owned(),
        };
    };
    let offer = &offers[at];
    let name = if offer.name.is_empty() { String::new() } else { format!(" ({})", offer.name) };
    let why = if missing == 0 {
        format!("{}{name}: the cheapest source that can show these denials", offer.source.as_str())
    } else {
        format!("{}{name}: it shows the most, though not all", offer.source.as_str())
    };
    Choice { chosen: Some(at), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(full: &[Kind]) -> Logged {
        Logged { full: full.to_vec(), partial: Vec::new() }
    }

    #[test]
    fn event_history_is_taken_when_it_can_show_all() {
        let wanted = [Kind::Management, Kind::Kms];
        let offers = [Offer::event_history(&wanted, 2), Offer::trail("t", &wanted, Ok(&logged(&Kind::ALL)))];
        assert_eq!(choose(&offers).chosen, Some(0));
    }

    #[test]
    fn calls_on_objects_need_a_trail_that_records_them() {
        let wanted = [Kind::Kms, Kind::S3Objects];
        let history = Offer::event_history(&wanted, 2);
        assert_eq!(history.verdict, Verdict::Some { missing: vec![Kind::S3Objects] });
        let records = Offer::trail("t", &wanted, Ok(&logged(&Kind::ALL)));
        assert_eq!(choose(&[history.clone(), records]).chosen, Some(1));
        let poor = Offer::trail("t", &wanted, Ok(&logged(&[Kind::Management, Kind::Kms])));
        let choice = choose(&[history, poor]);
        assert_eq!(choice.chosen, Some(0));
        assert!(choice.why.contains("not all"));
    }

    #[test]
    fn a_source_that_shows_nothing_is_never_taken() {
        let wanted = [Kind::S3Objects];
        let offers =
            [Offer::event_history(&wanted, 1), Offer::trail("t", &wanted, Err("its bucket refuses"))];
        assert_eq!(choose(&offers).chosen, None);
    }
}
