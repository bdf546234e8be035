//! The answer of event history: its events, how much of it was read, what it cannot show.

use super::live::{Live, Reader};
use crate::cli::Ended;
use crate::denials::{Gathered, Kind, Offer, Searched, SourceKind, Verdict, selector_to_add};
use crate::facts::{Facts, LookupQuery, Purpose};
use crate::trail::{Coverage, Problem, ProblemKind};

impl Live<'_> {
    /// Puts together what the history in the facts holds, and prints it.
    pub(super) fn event_history(
        &self,
        reader: &Reader<'_>,
        facts: &Facts,
        offers: Vec<Offer>,
        wanted: &[Kind],
    ) -> Ended {
        let mut gathered = Gathered::new(&self.scope);
        let mut looked = gather(facts, &mut gathered);
        if matches!(offers[0].verdict, Verdict::None { .. }) {
            let detail = "no trail that could be read records them".to_owned();
            let kind = ProblemKind::Unreadable { detail };
            looked.problems.push(Problem { file: "calls on S3 objects".to_owned(), kind, records_kept: 0 });
        }
        looked.interrupted = reader.session.is_interrupted();
        looked.duplicates = gathered.duplicates();
        let mut blind_spots = vec![
            "event history holds management events of the last 90 days only, and was asked for the role's \
             sessions and changes, not swept"
                .to_owned(),
        ];
        let begins = self.settings.history_start();
        if self.scope.window.since.is_some_and(|since| since < begins) {
            blind_spots.push(format!("events before {begins}: event history begins there"));
        }
        let objects = wanted.contains(&Kind::S3Objects);
        if objects {
            blind_spots.push(
                "calls on S3 objects (PutObject, GetObject): they are data events, which event history never \
                 holds; a refused write to an encrypted bucket shows as a denial of KMS"
                    .to_owned(),
            );
        }
        let partition = crate::requirement::partition(&facts.target);
        let places = looked.regions.iter().map(|region| {
            let pages = facts.history.queries.iter().filter(|query| query.region == *region);
            format!("in {region} ({})", asked_by(&pages.collect::<Vec<_>>()))
        });
        let searched = Searched {
            source: SourceKind::EventHistory,
            places: places.collect(),
            kinds: vec![Kind::Management, Kind::Kms],
            looked: looked.finish(),
            billed_bytes: None,
            blind_spots,
            selector_to_add: objects.then(|| selector_to_add(partition.as_str(), self.scope.bucket())),
            command_to_add: None,
        };
        self.answer(reader, gathered, searched, offers, Some(facts))
    }
}

/// By what a region's event history was asked for denials.
fn asked_by(queries: &[&LookupQuery]) -> String {
    let denials = queries.iter().filter(|query| query.purpose == Purpose::Denials);
    let by: Vec<String> = denials
        .map(|query| match query.filter.attribute.as_str() {
            "Username" => format!("session {}", query.filter.value),
            _ => query.filter.value.clone(),
        })
        .collect();
    if by.is_empty() { "the role's sessions and changes".to_owned() } else { by.join(", ") }
}

/// The events that event history gave, and how much of it was read.
fn gather(facts: &Facts, gathered: &mut Gathered<'_>) -> Coverage {
    let mut looked = Coverage::default();
    let lost = |looked: &mut Coverage, file: &str, detail: String| {
        let kind = ProblemKind::Unreadable { detail };
        looked.problems.push(Problem { file: file.to_owned(), kind, records_kept: 0 });
    };
    for query in &facts.history.queries {
        looked.regions.insert(query.region.clone());
        let place =
            format!("event history of {} by {} {}", query.region, query.filter.attribute, query.filter.value);
        if query.incomplete {
            let why = query.gap.clone();
            lost(&mut looked, &place, why.unwrap_or_else(|| "older events were left unread".to_owned()));
        }
        match query.events.read(&place) {
            Ok(events) => {
                for event in events.into_iter().flatten() {
                    looked.records += 1;
                    looked.see_time(event.event_time);
                    gathered.add(event.clone());
                }
            }
            Err(blocked) => {
                let grant = blocked.grant.map(|grant| format!(" (grant {grant})")).unwrap_or_default();
                lost(&mut looked, &place, format!("{}{grant}", blocked.why));
            }
        }
    }
    if !facts.history.queries.iter().any(|query| query.purpose == Purpose::Denials) {
        let why = facts.history.not_searched.clone();
        let why = why
            .unwrap_or_else(|| "no session of the role is known whose calls could be asked for".to_owned());
        lost(&mut looked, "event history", why);
    }
    looked
}
