//! Takes what the connector needs out of a statement that denies, and leaves all else denied.

use serde_json::{Map, Value};

use crate::checks::shared::policies::is_everything;
use crate::checks::shared::words::{add, add_all, capital, some};
use crate::policy::scope::{common, covers, covers_action, without_variables};
use crate::policy::{actions_of, takes_no_resource};

use super::document::{Draft, named, one_or_many, texts};
use super::role::Grants;
use super::words;

/// What stands between a statement's name and what it denies after it was changed.
const STILL: &str = " still denies ";

/// Takes out of notes what later ones say anew: what a statement still denies.
pub(super) fn forget_said_anew(notes: &mut Vec<String>, later: &[String]) {
    let of = |note: &str| note.split_once(STILL).map(|(statement, _)| statement.to_owned());
    notes.retain(|note| {
        let statement = of(note);
        statement.is_none() || !later.iter().any(|later| of(later) == statement)
    });
}

/// What a statement still denies, in words.
pub(super) fn still_denies(statement: &str, what: &str) -> String {
    format!("{}{STILL}{what}", capital(statement))
}

/// What sparing did to a statement.
pub(super) struct Spared {
    /// Whether nothing of the statement is left.
    pub(super) is_gone: bool,
    /// What it still does, a sentence each.
    pub(super) notes: Vec<String>,
}

/// Takes needed actions on needed resources out of a statement, and nothing else. What is left may take several
/// statements: the first stands in its place.
pub(super) fn spare(draft: &mut Draft, index: usize, grants: &Grants) -> Result<Spared, String> {
    let statement = draft.statement(index).ok_or("the policy no longer has that statement")?;
    let Left { pieces, notes: beyond } = left(statement, grants)?;
    let still: Vec<String> = pieces.iter().map(Piece::what).collect();
    let still = (!still.is_empty()).then(|| still_denies(&named(statement, index), &still.join(", and ")));
    let notes = still.into_iter().chain(beyond).collect();
    let whole = statement.clone();
    let mut written = pieces.iter().map(|piece| piece.write(&whole));
    let Some(first) = written.next() else {
        draft.remove(index);
        return Ok(Spared { is_gone: true, notes });
    };
    *statement = first;
    let sid = whole.get("Sid").and_then(Value::as_str).unwrap_or("DenyElsewhere").to_owned();
    for mut statement in written {
        statement.shift_remove("Sid");
        let members: Vec<(&str, Value)> =
            statement.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        draft.push(&sid, &members);
    }
    Ok(Spared { is_gone: false, notes })
}

/// Patterns, or all but some.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Any(Vec<String>),
    AllBut(Vec<String>),
}

impl Part {
    fn read(statement: &Map<String, Value>, member: &str) -> Option<Self> {
        let any = texts(statement, member).map(Self::Any);
        any.or_else(|| texts(statement, &format!("Not{member}")).map(Self::AllBut))
    }

    fn in_words(&self) -> String {
        match self {
            Self::Any(patterns) => some(patterns),
            Self::AllBut(patterns) => format!("all but {}", some(patterns)),
        }
    }

    fn write(&self, member: &str) -> (String, Value) {
        match self {
            Self::Any(patterns) => (member.to_owned(), one_or_many(patterns.clone())),
            Self::AllBut(patterns) => (format!("Not{member}"), one_or_many(patterns.clone())),
        }
    }
}

/// Actions on resources.
#[derive(Debug)]
pub(super) struct Piece {
    actions: Part,
    resources: Part,
}

impl Piece {
    /// What a statement means.
    pub(super) fn of(statement: &Map<String, Value>) -> Option<Self> {
        let (actions, resources) = (Part::read(statement, "Action")?, Part::read(statement, "Resource")?);
        Some(Self { actions, resources })
    }

    /// `s3:PutObject on all but arn:aws:s3:::orders/*`.
    pub(super) fn what(&self) -> String {
        format!("{} on {}", self.actions.in_words(), self.resources.in_words())
    }

    /// The statement with these in the place of its own.
    fn write(&self, statement: &Map<String, Value>) -> Map<String, Value> {
        let member = |(name, value): (&String, &Value)| match name.as_str() {
            "Action" | "NotAction" => self.actions.write("Action"),
            "Resource" | "NotResource" => self.resources.write("Resource"),
            _ => (name.clone(), value.clone()),
        };
        statement.iter().map(member).collect()
    }
}

/// What is left of a statement.
fn left(statement: &Map<String, Value>, grants: &Grants) -> Result<Left, String> {
    let Some(Piece { actions, resources }) = Piece::of(statement) else {
        return Err("the statement names no actions or no resources".to_owned());
    };
    let mut left = Left::default();
    match &actions {
        Part::Any(written) => {
            let groups =
                groups(grants, |action| written.iter().any(|it| covers_action(it, action)), &resources);
            // What is not touched stays where it was.
            let is_touched = |it: &&String| {
                groups.iter().any(|(_, actions)| actions.iter().any(|action| covers_action(it, action)))
            };
            let (touched, others): (Vec<&String>, Vec<&String>) = written.iter().partition(is_touched);
            for pattern in others.into_iter().chain(touched) {
                left.spare(pattern, &groups, &resources)?;
            }
        }
        Part::AllBut(written) => {
            let groups =
                groups(grants, |action| !written.iter().any(|it| covers_action(it, action)), &resources);
            let mut spared = written.clone();
            add_all(&mut spared, groups.iter().flat_map(|(_, actions)| actions).cloned());
            left.add(Part::AllBut(spared), resources.clone());
            for (places, actions) in &groups {
                if let Some(rest) = minus(&resources, places, actions)? {
                    left.add(Part::Any(actions.clone()), rest);
                }
            }
        }
    }
    Ok(left)
}

/// So many actions that a policy can name them beside all else.
const MOST: usize = 60;

/// The actions under a pattern of one service's, as AWS writes them; none where that is not known.
fn named_by(pattern: &str) -> Vec<String> {
    let service = pattern.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let all = actions_of(&service).into_iter().flatten();
    let meant = all.filter(|action| covers_action(pattern, &action.compared));
    meant.map(|action| format!("{service}:{}", action.name)).collect()
}

/// Whether a text fits both patterns.
fn meet(one: &str, other: &str) -> bool {
    common(one, other).is_some()
}

/// The grants that the statement denies, by their resources; those on resources that have something in common are
/// one.
fn groups(
    grants: &Grants,
    is_denied: impl Fn(&str) -> bool,
    resources: &Part,
) -> Vec<(Vec<String>, Vec<String>)> {
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (mut places, mut actions) in words::by_resources(grants) {
        actions.retain(|action| is_denied(action));
        places.retain(|place| reaches(resources, place));
        if places.is_empty() || actions.is_empty() {
            continue;
        }
        let common = |(known, _): &(Vec<String>, Vec<String>)| {
            known.iter().any(|known| places.iter().any(|place| meet(known, place)))
        };
        let (joined, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(common);
        groups = others;
        let mut all = (Vec::new(), Vec::new());
        for (known, of_known) in joined.into_iter().chain([(places, actions)]) {
            add_all(&mut all.0, known);
            add_all(&mut all.1, of_known);
        }
        groups.push(all);
    }
    groups
}

fn reaches(resources: &Part, place: &str) -> bool {
    match resources {
        Part::Any(written) => written.iter().any(|it| meet(&without_variables(it), place)),
        Part::AllBut(written) => !written.iter().any(|it| covers(it, place)),
    }
}

#[derive(Default)]
struct Left {
    pieces: Vec<Piece>,
    /// What more than the grants is spared, a sentence each.
    notes: Vec<String>,
}

impl Left {
    /// Actions on the same resources are one piece.
    fn add(&mut self, actions: Part, resources: Part) {
        if let Part::Any(more) = &actions {
            for piece in &mut self.pieces {
                if let (Part::Any(known), true) = (&mut piece.actions, piece.resources == resources) {
                    add_all(known, more.iter().cloned());
                    return;
                }
            }
        }
        self.pieces.push(Piece { actions, resources });
    }

    /// What is left of one action, or of a pattern of them.
    fn spare(
        &mut self,
        pattern: &str,
        groups: &[(Vec<String>, Vec<String>)],
        resources: &Part,
    ) -> Result<(), String> {
        let written = || Part::Any(vec![pattern.to_owned()]);
        let of_pattern = |(places, actions): &(Vec<String>, Vec<String>)| {
            let meant: Vec<String> =
                actions.iter().filter(|it| covers_action(pattern, it)).cloned().collect();
            (!meant.is_empty()).then(|| (places.clone(), meant))
        };
        let groups: Vec<(Vec<String>, Vec<String>)> = groups.iter().filter_map(of_pattern).collect();
        if groups.is_empty() {
            self.add(written(), resources.clone());
            return Ok(());
        }
        let places: Vec<String> = groups.iter().flat_map(|(places, _)| places).cloned().collect();
        if let Some(rest) = minus(resources, &places, &[pattern.to_owned()])? {
            self.add(written(), rest);
        }
        if !pattern.contains(['*', '?']) {
            return Ok(());
        }
        for (places, actions) in groups {
            let within = within(resources, &places);
            if pattern == "*" || (is_of_one_service(pattern) && within.iter().all(|it| is_of(pattern, it))) {
                self.add(Part::AllBut(actions), Part::Any(within));
                continue;
            }
            let on_everything = within.iter().any(|it| is_everything(it) || it == "*");
            let is_other = |action: &String| {
                !actions.iter().any(|it| it.eq_ignore_ascii_case(action))
                    && (on_everything
                        || (!takes_no_resource(action) && within.iter().any(|it| may_be_on(action, it))))
            };
            let mut others = named_by(pattern);
            let is_known = !others.is_empty();
            others.retain(is_other);
            if !is_known || others.len() > MOST {
                self.notes.push(format!(
                    "The other actions of {pattern} are not known or too many to be listed: it denies none of them on {} any \
                     more",
                    some(&within)
                ));
                continue;
            }
            if !others.is_empty() {
                self.add(Part::Any(others), Part::Any(within));
            }
            add(
                &mut self.notes,
                format!("On what is spared, it does not deny what AWS may add to {pattern} later"),
            );
        }
        Ok(())
    }
}

/// What is left of resources without some; `None`: nothing.
fn minus(resources: &Part, places: &[String], actions: &[String]) -> Result<Option<Part>, String> {
    let written = match resources {
        Part::AllBut(written) => {
            let mut written = written.clone();
            add_all(&mut written, places.iter().cloned());
            return Ok(Some(Part::AllBut(written)));
        }
        Part::Any(written) => written,
    };
    let is_gone = |it: &&String| places.iter().any(|place| covers(place, &without_variables(it)));
    let left: Vec<String> = written.iter().filter(|it| !is_gone(it)).cloned().collect();
    // Of every bucket, only S3's own actions can be taken: NotResource means other services as well.
    let of_s3 = actions.iter().all(|action| covers_action("s3:*", action));
    if left.iter().any(|it| it == "*" || (of_s3 && covers(it, "arn:aws:s3:::*"))) {
        return Ok(Some(Part::AllBut(places.to_vec())));
    }
    let crosses = |it: &&String| places.iter().any(|place| meet(&without_variables(it), place));
    if let Some(wider) = left.iter().find(crosses) {
        return Err(format!(
            "the statement denies {wider}, of which the connector needs a part: only you can tell what is to stay denied"
        ));
    }
    Ok((!left.is_empty()).then_some(Part::Any(left)))
}

/// The places that the resources mean, each as the narrower of the two has it.
fn within(resources: &Part, places: &[String]) -> Vec<String> {
    let Part::Any(written) = resources else { return places.to_vec() };
    let mut within = Vec::new();
    for place in places {
        if written.iter().any(|it| covers(it, place)) {
            add(&mut within, place.clone());
        } else {
            let inner = written.iter().filter(|it| covers(place, &without_variables(it)));
            add_all(&mut within, inner.cloned());
        }
    }
    within
}

/// Services on whose ARNs no other service acts.
const ALONE: [&str; 3] = ["s3", "glue", "kms"];

/// Whether a pattern means all that a service does on its ARNs.
fn is_of_one_service(pattern: &str) -> bool {
    let (service, name) = pattern.split_once(':').unwrap_or_default();
    name == "*" && ALONE.iter().any(|it| service.eq_ignore_ascii_case(it))
}

/// Whether an ARN is of the pattern's service.
fn is_of(pattern: &str, arn: &str) -> bool {
    let service = pattern.split(':').next().unwrap_or_default();
    arn.split(':').nth(2).is_some_and(|it| it.eq_ignore_ascii_case(service))
}

/// Whether an action may be about a resource: of S3's actions, those whose names speak of buckets or of what is in
/// no bucket are not about objects.
fn may_be_on(action: &str, resource: &str) -> bool {
    const IN_NO_BUCKET: [&str; 6] =
        ["AccessGrants", "AccessPoint", "Account", "Job", "MultiRegion", "StorageLens"];
    const OF_BUCKETS: [&str; 2] = ["Configuration", "Bucket"];
    if !covers_action("s3:*", action) || !covers("arn:*:s3:::*", resource) {
        return true;
    }
    let has = |words: &[&str]| words.iter().any(|word| action.contains(word));
    let on_objects = resource.contains('/');
    let on_buckets = has(&OF_BUCKETS) && !action.starts_with("s3:Object");
    !(has(&IN_NO_BUCKET) || on_objects && on_buckets)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BUCKET: &str = "arn:aws:s3:::orders";

    fn denies(statements: &[Value], action: &str, resource: &str) -> bool {
        let on = |part: &Part, is: &dyn Fn(&str) -> bool| match part {
            Part::Any(patterns) => patterns.iter().any(|it| is(it)),
            Part::AllBut(patterns) => !patterns.iter().any(|it| is(it)),
        };
        statements.iter().filter_map(|it| Piece::of(it.as_object().unwrap())).any(|piece| {
            on(&piece.actions, &|it| covers_action(it, action))
                && on(&piece.resources, &|it| covers(it, resource))
        })
    }

    fn spared(statement: &Value, grants: &[(&str, &[&str])]) -> Result<Vec<Value>, String> {
        let mut draft = Draft::parse(&json!({"Statement": [statement]}).to_string()).unwrap();
        let texts = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
        let grants: Vec<(String, Vec<String>)> =
            grants.iter().map(|(action, on)| ((*action).to_owned(), texts(on))).collect();
        spare(&mut draft, 0, &grants)?;
        Ok(draft.statements().clone())
    }

    /// Every real call that was denied is, but for what was spared, and no other.
    #[test]
    fn all_else_stays_denied_and_nothing_more_is() {
        const OBJECTS: &str = "arn:aws:s3:::orders/*";
        let put: &[(&str, &[&str])] = &[("s3:PutObject", &[OBJECTS])];
        let both: &[(&str, &[&str])] = &[
            ("s3:PutObject", &[OBJECTS]),
            ("s3:AbortMultipartUpload", &[OBJECTS]),
            ("s3:ListBucket", &[BUCKET]),
        ];
        let of_prefix: &[(&str, &[&str])] = &[("s3:PutObject", &["arn:aws:s3:::orders/in/*"])];
        let table: &[(&str, &[&str])] =
            &[("glue:UpdateTable", &["arn:aws:glue:r:1:catalog", "arn:aws:glue:r:1:table/d/*"])];
        let calls = [
            ("s3:PutObject", "arn:aws:s3:::orders/in/a"),
            ("s3:PutObject", "arn:aws:s3:::orders/out/a"),
            ("s3:PutObject", "arn:aws:s3:::payroll/a"),
            ("s3:PutObjectAcl", "arn:aws:s3:::orders/in/a"),
            ("s3:PutObjectVersionTagging", "arn:aws:s3:::orders/out/a"),
            ("s3:AbortMultipartUpload", "arn:aws:s3:::orders/in/a"),
            ("s3:DeleteObject", "arn:aws:s3:::orders/in/a"),
            ("s3:ListBucket", BUCKET),
            ("s3:PutBucketPolicy", BUCKET),
            ("s3:PutBucketPolicy", "arn:aws:s3:::payroll"),
            ("glue:UpdateTable", "arn:aws:glue:r:1:table/d/t"),
            ("glue:UpdateTable", "arn:aws:glue:r:1:table/e/t"),
            ("glue:UpdatePartition", "arn:aws:glue:r:1:table/d/t"),
            ("dynamodb:PutItem", "arn:aws:dynamodb:r:1:table/t"),
        ];
        let statements = [
            json!({"Action": "s3:Put*", "Resource": "*"}),
            json!({"Action": "s3:put*", "Resource": "arn:aws:s3:::*"}),
            json!({"Action": ["s3:Put*", "s3:DeleteObject"], "Resource": [BUCKET, "arn:aws:s3:::orders/*"]}),
            json!({"Action": "s3:*", "Resource": ["arn:aws:s3:::orders/*", BUCKET]}),
            json!({"Action": ["s3:PutObject", "s3:ListBucket"], "Resource": "*"}),
            json!({"Action": "*", "Resource": "*"}),
            json!({"Action": ["s3:*", "glue:*", "dynamodb:*"], "Resource": "*"}),
            json!({"Action": ["glue:Update*"], "Resource": "*"}),
            json!({"NotAction": ["s3:Get*", "s3:ListBucket"], "Resource": "*"}),
            json!({"NotAction": "dynamodb:*", "Resource": "*"}),
            json!({"NotAction": "s3:*", "Resource": "*"}),
            json!({"Action": "s3:*", "NotResource": "arn:aws:s3:::payroll/*"}),
            json!({"NotAction": "s3:Get*", "NotResource": ["arn:aws:s3:::payroll", "arn:aws:s3:::payroll/*"]}),
            json!({"Action": "s3:Put*", "Resource": "arn:aws:s3:::orders/in/*"}),
            json!({"Action": "s3:Put*", "Resource": "arn:aws:s3:::orders/${aws:PrincipalTag/team}/*"}),
        ];
        let mut tried = 0;
        for statement in &statements {
            for grants in [put, both, of_prefix, table] {
                let Ok(after) = spared(statement, grants) else { continue };
                tried += 1;
                for (action, resource) in calls {
                    let needed = grants
                        .iter()
                        .any(|(needed, on)| *needed == action && on.iter().any(|it| covers(it, resource)));
                    let before = denies(std::slice::from_ref(statement), action, resource);
                    assert_eq!(
                        denies(&after, action, resource),
                        before && !needed,
                        "{action} on {resource}: {statement} came to {after:?} for {grants:?}"
                    );
                }
            }
        }
        assert!(tried > 50, "{tried}");
    }

    #[test]
    fn the_condition_and_the_name_stay() {
        let statement = json!({"Sid": "Guard", "Effect": "Deny", "Action": "s3:Put*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        let after = spared(&statement, &[("s3:PutObject", &["arn:aws:s3:::orders/*"])]).unwrap();
        assert_eq!(after.len(), 2);
        assert_eq!((&after[0]["Sid"], &after[1]["Sid"]), (&json!("Guard"), &json!("Guard2")));
        assert!(after.iter().all(|it| it["Condition"] == statement["Condition"] && it["Effect"] == "Deny"));
        assert_eq!(after[0]["NotResource"], "arn:aws:s3:::orders/*");
    }

    #[test]
    fn what_cannot_be_told_apart_is_left_to_a_person() {
        let grants: &[(&str, &[&str])] = &[("s3:PutObject", &["arn:aws:s3:::orders/in/*"])];
        for statement in [
            json!({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::orders/*"}),
            json!({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::*/in/*"}),
        ] {
            assert!(spared(&statement, grants).is_err(), "{statement}");
        }
    }

    #[test]
    fn a_pattern_of_more_actions_than_a_policy_can_name_is_spared_whole_and_that_is_said() {
        let statement = json!({"Action": ["ec2:*", "sns:*"], "Resource": "*"}).to_string();
        let mut draft = Draft::parse(&format!(r#"{{"Statement": [{statement}]}}"#)).unwrap();
        let spared = spare(&mut draft, 0, &[("ec2:RunInstances".to_owned(), vec!["*".to_owned()])]).unwrap();
        assert_eq!(draft.statements()[0]["Action"], "sns:*");
        assert!(spared.notes.iter().any(|note| note.contains("ec2:*") && note.contains("none of them")));
    }
}
