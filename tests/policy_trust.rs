//! Who can assume a role: proofs over whole trust policies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use streamkap_doctor::policy::trust::{
    Assumption, Proof, Who, assume, others, spares, with_other_external_id, without_external_id,
};
use streamkap_doctor::policy::{Context, Document, Kind, Policy, Principal, PrincipalEntry, PrincipalKind};

const ROLE: &str = "arn:aws:iam::111122223333:role/target";
const VENDOR: &str = "300973880807";

fn trust(statements: &str) -> Arc<Policy> {
    let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{statements}]}}");
    Policy::compile("trust policy", Document::parse(Kind::Trust, &text).unwrap())
}

fn allow(condition: &str) -> String {
    format!(
        r#"{{"Effect": "Allow", "Principal": {{"AWS": "{VENDOR}"}}, "Action": "sts:AssumeRole", "Condition": {condition}}}"#
    )
}

fn principal(text: &str) -> Principal {
    Principal::parse(text).unwrap()
}

/// What is known of anybody's call.
fn open_context() -> Context {
    Context::open().with("aws:SecureTransport", "true").with("aws:CurrentTime", "2026-11-20T12:00:00Z")
}

/// `never`, `always`, or the keys it hangs on.
fn shown(proof: &Proof) -> String {
    match proof {
        Proof::Never => "never".to_owned(),
        Proof::Always { .. } => "always".to_owned(),
        Proof::Depends { keys, .. } => keys.join(" "),
    }
}

#[test]
fn the_external_id_is_required_or_not_by_proof() {
    // Condition, then whether the vendor's account gets in without any, and with another than `abc`.
    for (condition, without, with_other) in [
        ("{}", "always", "always"),
        (r#"{"StringEquals": {"sts:ExternalId": "abc"}}"#, "never", "never"),
        (r#"{"StringEquals": {"sts:ExternalId": ["abc", "def"]}}"#, "never", "always"),
        (r#"{"StringEqualsIgnoreCase": {"sts:ExternalId": "abc"}}"#, "never", "always"),
        (r#"{"StringLike": {"sts:ExternalId": "*"}}"#, "never", "always"),
        (r#"{"StringLike": {"sts:ExternalId": "abc*"}}"#, "never", "always"),
        (r#"{"StringLike": {"sts:ExternalId": "a*", "sts:externalid": "*c"}}"#, "never", "always"),
        (
            r#"{"StringLike": {"sts:ExternalId": "a?c"}, "StringEquals": {"sts:ExternalId": ["abc", "xyz"]}}"#,
            "never",
            "never",
        ),
        (r#"{"StringEqualsIfExists": {"sts:ExternalId": "abc"}}"#, "always", "never"),
        (r#"{"ForAllValues:StringEquals": {"sts:ExternalId": "abc"}}"#, "always", "never"),
        (r#"{"ForAnyValue:StringEquals": {"sts:ExternalId": "abc"}}"#, "never", "never"),
        (r#"{"StringNotEquals": {"sts:ExternalId": "abc"}}"#, "always", "always"),
        (r#"{"Null": {"sts:ExternalId": "false"}}"#, "never", "always"),
        (r#"{"Null": {"sts:ExternalId": "true"}}"#, "always", "never"),
        (r#"{"StringEquals": {"sts:ExternalId": "a"}}"#, "never", "never"),
        (r#"{"StringEquals": {"sts:ExternalId": "not allowed"}}"#, "never", "never"),
        (r#"{"StringEquals": {"sts:ExternalId": "abc", "aws:PrincipalOrgID": "o-1"}}"#, "never", "never"),
        (r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}"#, "aws:SourceIp", "aws:SourceIp"),
        (r#"{"Bool": {"aws:SecureTransport": "false"}}"#, "never", "never"),
        (r#"{"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}"#, "never", "never"),
        (r#"{"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}"#, "always", "always"),
    ] {
        let trust = trust(&allow(condition));
        let vendor = principal(VENDOR);
        let found = shown(&without_external_id(&trust, ROLE, &vendor, &open_context()));
        assert_eq!(found, without, "without, {condition}");
        let found = shown(&with_other_external_id(&trust, ROLE, &vendor, "abc", &open_context()));
        assert_eq!(found, with_other, "with another, {condition}");
    }
}

#[test]
fn what_is_so_in_some_contexts_only_depends_on_what_tells_them_apart() {
    let trust = trust(&allow(r#"{"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}"#));
    let keys = ["aws:PrincipalOrgID".to_owned()];
    let [absent, other] =
        [open_context().absent("aws:PrincipalOrgID"), open_context().with("aws:PrincipalOrgID", "o-2")];
    let agreed = |contexts: &[&Context]| {
        let vendor = principal(VENDOR);
        let answers = contexts.iter().map(|context| without_external_id(&trust, ROLE, &vendor, context));
        shown(&Proof::agreed(answers, &keys))
    };
    assert_eq!(agreed(&[&absent]), "always");
    assert_eq!(agreed(&[&other]), "never");
    assert_eq!(agreed(&[&other, &absent]), "aws:PrincipalOrgID");
    assert_eq!(agreed(&[]), "never");
}

#[test]
fn denies_are_part_of_the_proof() {
    let deny_unless = r#"{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": {"StringNotEquals": {"sts:ExternalId": "abc"}}}"#;
    let closed = trust(&format!("{}, {deny_unless}", allow("{}")));
    assert_eq!(without_external_id(&closed, ROLE, &principal(VENDOR), &open_context()), Proof::Never);
    assert_eq!(
        with_other_external_id(&closed, ROLE, &principal(VENDOR), "abc", &open_context()),
        Proof::Never
    );
    let deny_if_exists = deny_unless.replace("StringNotEquals", "ForAnyValue:StringNotEquals");
    let open = trust(&format!("{}, {deny_if_exists}", allow("{}")));
    assert_eq!(shown(&without_external_id(&open, ROLE, &principal(VENDOR), &open_context())), "always");
    let of_two = trust(&format!(
        "{}, {}",
        allow(r#"{"StringEquals": {"sts:ExternalId": "abc"}}"#),
        allow(r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::300973880807:role/ops-*"}}"#)
    ));
    assert_eq!(shown(&without_external_id(&of_two, ROLE, &principal(VENDOR), &open_context())), "always");
}

#[test]
fn an_account_is_whoever_the_policy_names_in_it() {
    let role = format!("arn:aws:iam::{VENDOR}:role/connector");
    let by_role = trust(&allow("{}").replace(VENDOR, &role));
    assert_eq!(shown(&without_external_id(&by_role, ROLE, &principal(VENDOR), &open_context())), "always");
    let other = principal(&format!("arn:aws:iam::{VENDOR}:role/other"));
    assert_eq!(without_external_id(&by_role, ROLE, &other, &open_context()), Proof::Never);
    let session = principal(&format!("arn:aws:sts::{VENDOR}:assumed-role/connector/s"));
    assert_eq!(shown(&without_external_id(&by_role, ROLE, &session, &open_context())), "always");
}

#[test]
fn a_witness_really_gets_in() {
    let policy = trust(&allow(r#"{"StringLike": {"sts:ExternalId": ["ab??*z"]}}"#));
    let vendor = principal(&format!("arn:aws:iam::{VENDOR}:role/connector"));
    let Proof::Always { witness: Some(id), statements } =
        with_other_external_id(&policy, ROLE, &vendor, "abc", &open_context())
    else {
        panic!("it is open")
    };
    assert_eq!(statements.len(), 1);
    let assumption =
        Assumption { role_arn: ROLE, principal: &vendor, external_id: Some(&id), context: Context::new() };
    assert!(assume(&policy, &assumption).verdict.is_allowed(), "{id}");
}

#[test]
fn a_policy_beyond_walking_is_never_called_closed() {
    let values: Vec<String> = (0..12).map(|number| format!("\"*{number}??????????????{number}*\"")).collect();
    let policy = trust(&allow(&format!(r#"{{"StringLike": {{"sts:ExternalId": [{}]}}}}"#, values.join(","))));
    assert_ne!(
        with_other_external_id(&policy, ROLE, &principal(VENDOR), "abc", &open_context()),
        Proof::Never
    );
    let variable = trust(&allow(r#"{"StringEquals": {"sts:ExternalId": "${aws:PrincipalTag/id}"}}"#));
    assert_ne!(
        with_other_external_id(&variable, ROLE, &principal(VENDOR), "abc", &open_context()),
        Proof::Never
    );
}

fn statement(principal: &str, action: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "{action}", "Condition": {condition}}}"#
    )
}

/// Who gets in besides the vendor.
fn strangers(statements: &str) -> Vec<(Who, String)> {
    let grantees = others(&trust(statements), ROLE, &[principal(VENDOR)], &open_context());
    grantees.into_iter().map(|grantee| (grantee.who, shown(&grantee.proof))).collect()
}

fn account(id: &str) -> Who {
    Who::Account(id.to_owned())
}

fn always() -> String {
    "always".to_owned()
}

#[test]
fn everybody_else_who_gets_in_is_named() {
    assert_eq!(strangers(&allow("{}")), []);
    let listed = format!(r#"{{"AWS": ["{VENDOR}", "444455556666", "arn:aws:iam::111122223333:user/ann"]}}"#);
    let ann = Who::Principal("arn:aws:iam::111122223333:user/ann".to_owned());
    assert_eq!(
        strangers(&statement(&listed, "sts:AssumeRole", "{}")),
        [(account("444455556666"), always()), (ann, always())]
    );
    assert_eq!(strangers(&statement(r#""*""#, "sts:AssumeRole", "{}")), [(Who::Everyone, always())]);
    // An external id that anybody may pass keeps nobody out.
    let known_id = r#"{"StringEquals": {"sts:ExternalId": "abc"}}"#;
    assert_eq!(strangers(&statement(r#"{"AWS": "*"}"#, "sts:*", known_id)), [(Who::Everyone, always())]);
    assert_eq!(strangers(&statement(r#"{"AWS": "AROAEXAMPLEEXAMPLE12"}"#, "sts:AssumeRole", "{}")), []);
}

#[test]
fn everybody_narrowed_by_a_condition_is_whom_it_leaves() {
    let everybody = |condition: &str| strangers(&statement(r#""*""#, "sts:AssumeRole", condition));
    assert_eq!(
        everybody(r#"{"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#),
        [(Who::Everyone, "aws:PrincipalOrgID".to_owned())]
    );
    assert_eq!(everybody(&format!(r#"{{"StringEquals": {{"aws:PrincipalAccount": "{VENDOR}"}}}}"#)), []);
    assert_eq!(
        everybody(r#"{"StringEquals": {"aws:PrincipalAccount": ["444455556666"]}}"#),
        [(account("444455556666"), always())]
    );
    assert_eq!(
        everybody(r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci"}}"#),
        [(Who::Everyone, "aws:PrincipalArn".to_owned())]
    );
}

#[test]
fn services_and_identity_providers_are_told_by_what_they_may_do() {
    let glue = statement(r#"{"Service": "glue.amazonaws.com"}"#, "sts:AssumeRole", "{}");
    let audience = r#"{"StringEquals": {"accounts.google.com:aud": "1"}}"#;
    let google = r#"{"Federated": "accounts.google.com"}"#;
    assert_eq!(
        strangers(&format!("{glue}, {}", statement(google, "sts:AssumeRoleWithWebIdentity", audience))),
        [
            (Who::Service("glue.amazonaws.com".to_owned()), always()),
            (Who::Federated("accounts.google.com".to_owned()), "accounts.google.com:aud".to_owned())
        ]
    );
    // A provider that is only let do what it cannot do is not let in.
    assert_eq!(strangers(&statement(google, "sts:AssumeRole", "{}")), []);
}

#[test]
fn a_refusal_is_explained() {
    let policy = trust(
        &allow(r#"{"StringEquals": {"sts:ExternalId": "ab01234567yz"}}"#)
            .replace("\"Effect\"", "\"Sid\": \"Vendor\", \"Effect\""),
    );
    let explained = |caller: &str, external_id: Option<&str>| {
        let caller = principal(caller);
        let assumption =
            Assumption { role_arn: ROLE, principal: &caller, external_id, context: Context::new() };
        assume(&policy, &assumption).nearest_miss.unwrap().to_string()
    };
    let vendor = format!("arn:aws:iam::{VENDOR}:role/connector");
    assert_eq!(
        explained(&vendor, Some("abd")),
        "statement `Vendor` in policy `trust policy` (line 1) allows sts:AssumeRole only if sts:ExternalId passes StringEquals ab…yz (12 characters); the request has … (3 characters)"
    );
    assert_eq!(
        explained(&vendor, None),
        "statement `Vendor` in policy `trust policy` (line 1) allows sts:AssumeRole only if sts:ExternalId passes StringEquals ab…yz (12 characters); the request has no sts:ExternalId"
    );
    assert_eq!(
        explained("arn:aws:iam::444455556666:role/connector", Some("abc")),
        format!(
            "statement `Vendor` in policy `trust policy` (line 1) allows sts:AssumeRole to {VENDOR}, not to arn:aws:iam::444455556666:role/connector"
        )
    );
}

#[test]
fn a_verdict_that_hangs_on_an_unknown_key_says_so() {
    let policy = trust(&allow(r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}"#));
    let vendor = principal(&format!("arn:aws:iam::{VENDOR}:role/connector"));
    let decide = |context: Context| {
        assume(&policy, &Assumption { role_arn: ROLE, principal: &vendor, external_id: None, context })
    };
    let unknown = decide(Context::new().unknown("aws:SourceIp"));
    assert!(!unknown.verdict.is_allowed());
    assert_eq!(unknown.depends_on, ["aws:SourceIp"]);
    assert_eq!(unknown.would_allow.len(), 1);
    assert!(decide(Context::new()).depends_on.is_empty());
    assert!(decide(Context::new().with("aws:SourceIp", "203.0.113.9")).verdict.is_allowed());
}

/// The lists of the documentation's `NotPrincipal` page and of the blog on S3 and roles: an account beside one of its
/// roles, and a session beside its role.
#[test]
fn a_deny_of_all_but_some_spares_a_session_only_where_it_is_surely_listed() {
    const CALLER: &str = "arn:aws:iam::444455556666:role/app/caller";
    let (root, role) = ("arn:aws:iam::444455556666:root", CALLER);
    let (session, other) =
        ("arn:aws:sts::444455556666:assumed-role/caller/s", "arn:aws:sts::444455556666:assumed-role/other/s");
    for (listed, spared) in [
        (vec![root], Some(true)),
        (vec!["444455556666"], Some(true)),
        (vec!["*"], Some(true)),
        (vec![role], Some(false)),
        (vec![role, root], None),
        (vec![role, "444455556666"], None),
        (vec![role, "arn:aws:iam::111122223333:root"], Some(false)),
        (vec![role, session], None),
        (vec![role, root, session], None),
        (vec![session], Some(false)),
        (vec![root, session], Some(false)),
        (vec![root, other], Some(false)),
        (vec![root, "arn:aws:iam::444455556666:role/other"], Some(false)),
        (vec!["arn:aws:iam::111122223333:root"], Some(false)),
    ] {
        let entry = |value: &&str| PrincipalEntry { kind: PrincipalKind::Aws, value: (*value).to_owned() };
        let entries: Vec<PrincipalEntry> = listed.iter().map(entry).collect();
        assert_eq!(spares(&entries, &principal(CALLER)), spared, "{listed:?}");
    }
}

#[test]
fn a_user_is_spared_beside_its_account_as_the_documentation_has_it() {
    let user = "arn:aws:iam::444455556666:user/Bob";
    let entry = |value: &str| PrincipalEntry { kind: PrincipalKind::Aws, value: value.to_owned() };
    let listed = [entry(user), entry("arn:aws:iam::444455556666:root")];
    assert_eq!(spares(&listed, &principal(user)), Some(true));
    assert_eq!(spares(&listed, &principal("arn:aws:iam::444455556666:user/Eve")), Some(false));
}
