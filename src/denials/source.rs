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
        /// What it shows some of: only calls that write, or those that meet a condition.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        partly: Vec<Kind>,
    },
    /// None of it, or it cannot be read.
    None {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// In words: `can show all of it`.
    pub fn told(&self) -> String {
        let list = |kinds: &[Kind]| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        match self {
            Self::All => "can show all of it".to_owned(),
            Self::Some { missing, partly } if missing.is_empty() => {
                format!("can show only some of the {}", list(partly))
            }
            Self::Some { missing, partly } if partly.is_empty() => format!("cannot show {}", list(missing)),
            Self::Some { missing, partly } => {
                format!("cannot show {}, and only some of the {}", list(missing), list(partly))
            }
            Self::None { why } => format!("cannot show it: {why}"),
        }
    }
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
    /// Whether it is the one that was searched.
    #[serde(default)]
    pub taken: bool,
    /// What it would add to the one that was searched; null where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adds: Option<String>,
}

impl Offer {
    /// Event history, which never holds data events, or the reason why it cannot be searched.
    pub fn event_history(wanted: &[Kind], reachable: Result<(), &str>) -> Self {
        let missing: Vec<_> = wanted.iter().copied().filter(|kind| *kind == Kind::S3Objects).collect();
        let verdict = match (reachable, missing.len()) {
            (Err(why), _) => Verdict::None { why: why.to_owned() },
            (_, 0) => Verdict::All,
            (_, all) if all == wanted.len() => {
                Verdict::None { why: "it holds no data events, and calls on S3 objects are such".to_owned() }
            }
            _ => Verdict::Some { missing, partly: Vec::new() },
        };
        Self {
            source: SourceKind::EventHistory,
            name: String::new(),
            verdict,
            cost: "free; two calls a second in each region; 90 days".to_owned(),
            option: "--source event-history".to_owned(),
            taken: false,
            adds: None,
        }
    }

    /// A trail whose bucket can be listed, or the reason why it cannot.
    pub fn trail(name: &str, wanted: &[Kind], logged: Result<&Logged, &str>) -> Self {
        let verdict = match logged {
            Err(why) => Verdict::None { why: why.to_owned() },
            Ok(logged) => {
                let (shown, missing): (Vec<Kind>, Vec<Kind>) =
                    wanted.iter().partition(|kind| logged.shows(**kind));
                let partly: Vec<Kind> =
                    shown.into_iter().filter(|kind| !logged.full.contains(kind)).collect();
                if missing.len() == wanted.len() {
                    Verdict::None { why: "its event selectors record none of it".to_owned() }
                } else if missing.is_empty() && partly.is_empty() {
                    Verdict::All
                } else {
                    Verdict::Some { missing, partly }
                }
            }
        };
        Self {
            source: SourceKind::TrailBucket,
            name: name.to_owned(),
            verdict,
            cost: "S3 requests and the transfer of the days searched".to_owned(),
            option: "--source trail".to_owned(),
            taken: false,
            adds: None,
        }
    }

    /// Its kind and name.
    pub fn called(&self) -> String {
        format!("{} {}", self.source.as_str(), self.name).trim_end().to_owned()
    }

    /// Why it was taken, one sentence.
    pub fn taken(&self) -> String {
        let why = match self.verdict {
            Verdict::All => "the cheapest source that can show these denials",
            Verdict::Some { .. } => "it shows the most, though not all",
            Verdict::None { .. } => "it cannot show these denials, only what is around them",
        };
        format!("{}: {why}", self.called())
    }

    /// What it lacks: kinds that it cannot show, and kinds that it shows some of; `None` when it shows nothing.
    fn lacks(&self) -> Option<(&[Kind], &[Kind])> {
        match &self.verdict {
            Verdict::All => Some((&[], &[])),
            Verdict::Some { missing, partly } => Some((missing, partly)),
            Verdict::None { .. } => None,
        }
    }
}

/// The place of the cheapest source that can show all that is wanted, else of the one that shows most;
/// none when no source can show anything.
///
/// `offers` stand in order of cost, the cheapest first.
pub fn choose(offers: &[Offer]) -> Option<usize> {
    let able = offers.iter().enumerate().filter_map(|(at, offer)| {
        let (missing, partly) = offer.lacks()?;
        Some((missing.len(), partly.len(), at))
    });
    able.min().map(|(.., at)| at)
}

/// Marks the source that is taken, and says of the others what they would add to it.
pub fn compare(offers: &mut [Offer], taken: usize) {
    let shown = offers.get(taken).and_then(|offer| {
        let (missing, partly) = offer.lacks()?;
        Some((offer.source, missing.to_vec(), partly.to_vec()))
    });
    for (at, offer) in offers.iter_mut().enumerate() {
        (offer.taken, offer.adds) = (at == taken, None);
        let Some((absent, some)) = offer.lacks().filter(|_| at != taken) else { continue };
        let (source, missing, partly) = match &shown {
            Some((source, missing, partly)) => (Some(*source), missing.clone(), partly.clone()),
            None => (None, Kind::ALL.to_vec(), Vec::new()),
        };
        let mut adds: Vec<String> = Vec::new();
        for kind in missing.iter().filter(|kind| !absent.contains(kind)) {
            let some = if some.contains(kind) { "some " } else { "" };
            adds.push(format!("{some}{}", kind.as_str()));
        }
        let rest = partly.iter().filter(|kind| !absent.contains(kind) && !some.contains(kind));
        adds.extend(rest.map(|kind| format!("the rest of the {}", kind.as_str())));
        // A bucket keeps logs for as long as its owner wants.
        if source == Some(SourceKind::EventHistory) && offer.source == SourceKind::TrailBucket {
            adds.push("events older than 90 days, if its bucket keeps them".to_owned());
        }
        offer.adds = (!adds.is_empty()).then(|| adds.join(", "));
    }
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
        let offers =
            [Offer::event_history(&wanted, Ok(())), Offer::trail("t", &wanted, Ok(&logged(&Kind::ALL)))];
        assert_eq!(choose(&offers), Some(0));
    }

    #[test]
    fn calls_on_objects_need_a_trail_that_records_them() {
        let wanted = [Kind::Kms, Kind::S3Objects];
        let history = Offer::event_history(&wanted, Ok(()));
        assert_eq!(history.verdict, Verdict::Some { missing: vec![Kind::S3Objects], partly: Vec::new() });
        let records = Offer::trail("t", &wanted, Ok(&logged(&Kind::ALL)));
        assert_eq!(choose(&[history.clone(), records]), Some(1));
        let poor = Offer::trail("t", &wanted, Ok(&logged(&[Kind::Management, Kind::Kms])));
        let mut offers = [history, poor];
        assert_eq!(choose(&offers), Some(0));
        compare(&mut offers, 0);
        assert!(offers[0].taken && offers[0].taken().ends_with("not all"));
    }

    #[test]
    fn a_trail_that_records_only_some_calls_is_not_taken_for_one_that_records_all() {
        let wanted = [Kind::Kms, Kind::S3Objects];
        let half = Logged {
            full: vec![Kind::Management, Kind::Kms],
            partial: vec![(Kind::S3Objects, "only those that write".to_owned())],
        };
        let half = Offer::trail("half", &wanted, Ok(&half));
        assert_eq!(half.verdict, Verdict::Some { missing: Vec::new(), partly: vec![Kind::S3Objects] });
        let whole = Offer::trail("whole", &wanted, Ok(&logged(&Kind::ALL)));
        let mut offers = [Offer::event_history(&wanted, Ok(())), half, whole];
        assert_eq!((choose(&offers[..2]), choose(&offers)), (Some(1), Some(2)));
        compare(&mut offers, 1);
        assert_eq!(offers[2].adds.as_deref(), Some("the rest of the calls on S3 objects"));
        compare(&mut offers, 0);
        assert!(offers[1].adds.as_deref().unwrap().starts_with("some calls on S3 objects, "));
    }

    #[test]
    fn a_source_that_shows_nothing_is_never_taken() {
        let wanted = [Kind::S3Objects];
        let offers =
            [Offer::event_history(&wanted, Ok(())), Offer::trail("t", &wanted, Err("its bucket refuses"))];
        assert_eq!(choose(&offers), None);
    }

    #[test]
    fn the_others_say_what_they_would_add() {
        let wanted = [Kind::Kms, Kind::S3Objects];
        let mut offers = [
            Offer::event_history(&wanted, Ok(())),
            Offer::trail("all", &wanted, Ok(&logged(&Kind::ALL))),
            Offer::trail("objects", &wanted, Ok(&logged(&[Kind::S3Objects]))),
            Offer::trail("shut", &wanted, Err("its bucket refuses")),
        ];
        compare(&mut offers, 0);
        let adds = offers[1].adds.clone().unwrap();
        assert!(adds.starts_with("calls on S3 objects, events older than 90 days"), "{adds}");
        assert_eq!((offers[0].adds.as_ref(), offers[3].adds.as_ref()), (None, None));
        compare(&mut offers, 1);
        assert!(offers.iter().all(|offer| offer.adds.is_none()), "{offers:?}");
        compare(&mut offers, 2);
        assert_eq!(offers[0].adds.as_deref(), Some("calls on KMS keys"));
    }

    #[test]
    fn a_window_that_ends_before_event_history_begins_leaves_it_out() {
        let wanted = [Kind::Kms];
        let offers = [
            Offer::event_history(&wanted, Err("it begins later")),
            Offer::trail("t", &wanted, Ok(&logged(&Kind::ALL))),
        ];
        assert_eq!(choose(&offers), Some(1));
    }
}
