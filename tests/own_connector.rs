//! Needs of a connector file of the user's own that no built-in connector has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Selection, diagnose};
use streamkap_doctor::diagnosis::Mend;
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{Outcome, PhaseState, Status};
use streamkap_doctor::report::Report;

const POLICY: &str = "arn:aws:iam::111122223333:policy/StreamkapS3Access";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

/// The healthy world, in no organisation, with a connector that has one need, and a role that has one statement.
fn facts(need: &str, statement: &Value, more: &Value) -> Facts {
    let parameter = "[[parameter]]\nname = \"bucket\"\nkind = \"bucket\"\nhelp = \"A bucket\"\n\
                     [[parameter]]\nname = \"queue\"\nkind = \"text\"\nhelp = \"A queue\"\n";
    let text = format!(
        "name = \"own\"\n{parameter}\n[[need]]\nphase = \"write\"\n{need}\nbreaks = \"nothing works\"\n"
    );
    let connector =
        json!({"connector": "own", "parameters": {"bucket": "orders-landing"}, "definition": text});
    let mut world = common::healthy();
    common::merge(
        &mut world,
        &json!({
            "target": {"connectors": [connector]},
            "managed_policies": {POLICY: {"value": {"document": {"Statement": [statement]}}}},
            "simulations": [],
        }),
    );
    world["organization"] = json!({"state": "absent"});
    common::merge(&mut world, more);
    common::facts(world).unwrap()
}

/// What a check comes to, and what it says. The phases agree with all checks whatever it is.
fn status(facts: &Facts, check: &str) -> (Status, String) {
    assert_eq!(common::agreement::disagreements("own", facts), Vec::<String>::new());
    let catalog = Catalog::of_target(&facts.target).unwrap();
    let only = Selection::new(&catalog, &[check.to_owned()], &[]).unwrap();
    let outcome = &diagnose(facts, &catalog, &only)[0].outcome;
    let said = match outcome {
        Outcome::Unknown(blocked) => format!("{blocked:?}"),
        outcome => format!("{:?}", outcome.findings()),
    };
    (outcome.status(), said)
}

fn report(facts: &Facts) -> Report {
    common::report(facts, Mend::Failures)
}

fn need(action: &str, resource: &str) -> String {
    format!("action = \"{action}\"\nresources = [\"{resource}\"]\nlevel = \"required\"")
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

#[test]
fn a_call_to_kms_that_is_not_by_way_of_a_service_is_judged_like_any_other() {
    let list = need("kms:ListAliases", "*");
    let none = facts(&list, &allow("s3:PutObject", "*"), &json!({}));
    assert_eq!(status(&none, "WRITE-004").0, Status::Fail);
    let own = facts(&list, &allow("kms:ListAliases", "*"), &json!({}));
    assert_eq!(status(&own, "WRITE-004").0, Status::Pass);
    let through = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}});
    assert_eq!(status(&facts(&list, &through, &json!({})), "WRITE-004").0, Status::Fail);
}

#[test]
fn a_key_that_is_named_hangs_on_its_policy_too() {
    let decrypt = need("kms:Decrypt", KEY);
    let (status_of, said) = status(&facts(&decrypt, &allow("kms:Decrypt", KEY), &json!({})), "WRITE-004");
    assert_eq!(status_of, Status::Unknown);
    assert!(said.contains("the key's has to allow it, too"), "{said}");
    // Its policy may name the role itself.
    let refused = facts(&decrypt, &allow("kms:Encrypt", KEY), &json!({}));
    assert_eq!(status(&refused, "WRITE-004").0, Status::Unknown);
    let denied = json!({"Effect": "Deny", "Action": "kms:*", "Resource": "*"});
    assert_eq!(status(&facts(&decrypt, &denied, &json!({})), "WRITE-004").0, Status::Fail);
}

#[test]
fn no_phase_is_broken_where_no_check_says_so() {
    for action in ["kms:ListAliases", "kms:CreateKey"] {
        let facts = facts(&need(action, "*"), &allow("s3:PutObject", "*"), &json!({}));
        let report = report(&facts);
        let broken = report.target.connectors[0].phases.iter().any(|it| it.state == PhaseState::Broken);
        let failing = report.checks.iter().any(|it| it.status == Status::Fail);
        assert!(broken && failing, "{action}: {broken} {failing}");
    }
}

#[test]
fn a_need_that_hangs_on_a_key_is_asked_for_where_there_is_one() {
    let put = "action = \"s3:GetEncryptionConfiguration\"\nresources = [\"arn:{partition}:s3:::{bucket}\"]\n\
               level = \"conditional\"\nwhen = \"bucket-key\"";
    let encryption = |value: &Value| json!({"buckets": {"orders-landing": {"encryption": value}}});
    let kms = |key: &str| {
        let value = json!({"algorithm": "aws:kms", "key": key, "bucket_key": false});
        encryption(&json!({"state": "known", "value": value}))
    };
    let other = allow("s3:PutObject", "*");
    let denied = json!({"state": "denied",
        "value": {"action": "s3:GetEncryptionConfiguration", "message": "User: ann is not authorized"}});
    for (more, expected) in [
        (json!({}), Status::Skip),
        (kms(KEY), Status::Fail),
        (kms("alias/aws/s3"), Status::Skip),
        (encryption(&denied), Status::Unknown),
    ] {
        assert_eq!(status(&facts(put, &other, &more), "WRITE-004").0, expected, "{more}");
    }
}

#[test]
fn what_is_optional_only_is_warned_of_all_the_same() {
    let tidy = "action = \"elasticloadbalancing:DeleteListener\"\n\
                resources = [\"arn:{partition}:elasticloadbalancing:{region}:{account}:q\"]\nlevel = \"optional\"";
    let refused = facts(tidy, &allow("s3:PutObject", "*"), &json!({}));
    assert_eq!(status(&refused, "PARTIAL-001").0, Status::Warn);
    let all = allow("elasticloadbalancing:*", "*");
    let allowed = facts(tidy, &all, &json!({}));
    assert_eq!(status(&allowed, "PARTIAL-001").0, Status::Pass);
    let open = facts(&tidy.replace("{account}:q", "{account}:{queue}"), &all, &json!({}));
    assert_eq!(status(&open, "PARTIAL-001").0, Status::Unknown);
}

#[test]
fn a_denial_on_some_resources_counts_beside_a_grant_on_the_whole_service() {
    let run = need("ec2:RunInstances", "*");
    let statement = |effect: &str, resource: &str| json!({"Effect": effect, "Action": "ec2:RunInstances", "Resource": resource});
    let of = |statements: &[Value]| {
        let more = json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": statements}}}}});
        status(&facts(&run, &statements[0], &more), "WRITE-004").0
    };
    let whole = "arn:aws:ec2:*:*:*";
    let (allow, deny) = (statement("Allow", whole), statement("Deny", "arn:aws:ec2:*:*:instance/*"));
    assert_eq!(of(std::slice::from_ref(&allow)), Status::Pass);
    assert_eq!(of(&[allow.clone(), deny.clone()]), Status::Unknown);
    assert_eq!(of(&[deny, allow.clone()]), Status::Unknown);
    let denied = statement("Deny", whole);
    assert_eq!(of(&[statement("Allow", "*"), denied.clone()]), Status::Fail);
    assert_eq!(of(&[allow, denied]), Status::Fail);
}

#[test]
fn what_another_side_has_to_allow_too_is_left_open() {
    let theirs = "arn:aws:sqs:eu-west-1:444455556666:orders";
    let role = "arn:aws:iam::111122223333:role/Other";
    for (action, resource) in [("sqs:SendMessage", theirs), ("sts:AssumeRole", role)] {
        let need = need(action, resource);
        let of = |statement: &Value| status(&facts(&need, statement, &json!({})), "WRITE-004");
        let (allowed, said) = of(&allow(action, resource));
        assert_eq!(allowed, Status::Unknown, "{action}");
        assert!(said.contains("it has to allow it, too"), "{said}");
        // Both sides have to allow.
        assert_eq!(of(&allow("s3:PutObject", "*")).0, Status::Fail, "{action}");
        assert_eq!(
            of(&json!({"Effect": "Deny", "Action": "*", "Resource": "*"})).0,
            Status::Fail,
            "{action}"
        );
    }
    let any_role = facts(&need("sts:AssumeRole", "*"), &allow("sts:AssumeRole", "*"), &json!({}));
    assert_eq!(status(&any_role, "WRITE-004").0, Status::Unknown);
}

#[test]
fn a_resource_s_own_policy_may_allow_and_deny_beside_the_role_s() {
    let own = |rest: &str| format!("arn:aws:{rest}");
    for (action, resource) in [
        ("sqs:SendMessage", own("sqs:eu-west-1:111122223333:orders")),
        ("sns:Publish", own("sns:eu-west-1:111122223333:orders")),
        ("lambda:InvokeFunction", own("lambda:eu-west-1:111122223333:function:orders")),
        ("dynamodb:PutItem", own("dynamodb:eu-west-1:111122223333:table/orders")),
        ("secretsmanager:GetSecretValue", own("secretsmanager:eu-west-1:111122223333:secret:orders")),
        ("ecr:PutImage", own("ecr:eu-west-1:111122223333:repository/orders")),
        ("events:PutEvents", own("events:eu-west-1:111122223333:event-bus/orders")),
        ("kinesis:PutRecord", own("kinesis:eu-west-1:111122223333:stream/orders")),
        ("s3:GetObject", own("s3:eu-west-1:111122223333:accesspoint/orders/object/*")),
        ("glue:GetTable", own("glue:eu-west-1:111122223333:table/sales/orders")),
    ] {
        let need = need(action, &resource);
        let of = |statement: &Value| {
            let facts = facts(&need, statement, &json!({}));
            let states: Vec<_> =
                report(&facts).target.connectors[0].phases.iter().map(|it| it.state).collect();
            (status(&facts, "WRITE-004"), states)
        };
        let ((allowed, said), states) = of(&allow(action, "*"));
        assert_eq!(allowed, Status::Unknown, "{action}");
        assert!(said.contains("may deny it") && states.contains(&PhaseState::Unknown), "{said} {states:?}");
        let ((silent, said), states) = of(&allow("s3:PutObject", "arn:aws:s3:::other/*"));
        assert_eq!(silent, Status::Unknown, "{action}");
        assert!(
            said.contains("it might allow") && states.contains(&PhaseState::Unknown),
            "{said} {states:?}"
        );
        let ((denied, _), states) = of(&json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
        assert_eq!(denied, Status::Fail, "{action}");
        assert!(states.contains(&PhaseState::Broken), "{action}: {states:?}");
    }
    // Of these no policy but the role's has a say.
    for (action, resource) in [
        ("ec2:StartInstances", own("ec2:eu-west-1:111122223333:instance/i-1")),
        ("events:PutRule", own("events:eu-west-1:111122223333:rule/orders")),
        ("sqs:ListQueues", "*".to_owned()),
        ("secretsmanager:ListSecrets", "*".to_owned()),
        ("dynamodb:ListTables", "*".to_owned()),
    ] {
        let need = need(action, &resource);
        let of = |statement: &Value| status(&facts(&need, statement, &json!({})), "WRITE-004").0;
        assert_eq!(of(&allow(action, &resource)), Status::Pass, "{action}");
        assert_eq!(of(&allow("s3:PutObject", "*")), Status::Fail, "{action}");
    }
}

/// The key of the bucket, with a policy that allows a principal.
fn described_key(principal: &str) -> Value {
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*"}]});
    json!({
        "buckets": {"orders-landing": {"encryption": {"state": "known", "value":
            {"algorithm": "aws:kms", "key": KEY, "bucket_key": true, "blocked": []}}}},
        "keys": {KEY: {
            "metadata": {"state": "known", "value": {"arn": KEY, "state": "Enabled", "manager": "CUSTOMER",
                "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT"}},
            "policy": {"state": "known", "value": policy.to_string()},
            "grants": {"state": "known", "value": []},
        }},
    })
}

#[test]
fn a_call_to_kms_that_names_no_key_hangs_on_the_policy_of_the_key_that_is_meant() {
    let alias = "arn:aws:kms:eu-west-1:111122223333:alias/orders";
    let all_keys = "arn:aws:kms:eu-west-1:111122223333:key/*";
    let (root, other) = ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/Other");
    for (resource, known, refused) in [
        ("*", Status::Pass, Status::Fail),
        (all_keys, Status::Pass, Status::Fail),
        // Which key it is the name of nobody told.
        (alias, Status::Unknown, Status::Unknown),
    ] {
        let decrypt = need("kms:Decrypt", resource);
        let of = |statement: &Value, more: &Value| {
            let facts = facts(&decrypt, statement, more);
            let phases = report(&facts).target.connectors[0].phases.clone();
            let (status, said) = status(&facts, "WRITE-004");
            let wanted = match status {
                Status::Pass => PhaseState::Ok,
                Status::Fail => PhaseState::Broken,
                _ => PhaseState::Unknown,
            };
            assert!(
                phases.iter().any(|it| it.phase == "write" && it.state == wanted),
                "{resource}: {phases:?}"
            );
            (status, said)
        };
        let (unknown, said) = of(&allow("kms:*", "*"), &json!({}));
        assert_eq!(unknown, Status::Unknown, "{resource}");
        assert!(said.contains("name in the connector file"), "{said}");
        assert_eq!(of(&allow("s3:PutObject", "*"), &json!({})).0, Status::Unknown, "{resource}");
        let deny = json!({"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"});
        assert_eq!(of(&deny, &json!({})).0, Status::Fail, "{resource}");
        assert_eq!(of(&allow("kms:Decrypt", "*"), &described_key(root)).0, known, "{resource}");
        assert_eq!(of(&allow("kms:Decrypt", "*"), &described_key(other)).0, refused, "{resource}");
    }
}

#[test]
fn an_alias_is_made_by_the_role_s_policies_and_its_key_s() {
    let alias = "arn:aws:kms:eu-west-1:111122223333:alias/orders";
    let of =
        |need: &str, statement: &Value, more: &Value| status(&facts(need, statement, more), "WRITE-004").0;
    let alone = need("kms:CreateAlias", alias);
    assert_eq!(of(&alone, &allow("kms:CreateAlias", alias), &json!({})), Status::Unknown);
    assert_eq!(of(&alone, &allow("kms:CreateAlias", KEY), &json!({})), Status::Fail);
    let both =
        format!("action = \"kms:CreateAlias\"\nresources = [\"{alias}\", \"{KEY}\"]\nlevel = \"required\"");
    let root = described_key("arn:aws:iam::111122223333:root");
    assert_eq!(of(&both, &allow("kms:CreateAlias", "*"), &root), Status::Pass);
    assert_eq!(of(&both, &allow("kms:CreateAlias", "*"), &json!({})), Status::Unknown);
}

#[test]
fn a_pattern_is_allowed_where_a_policy_covers_all_of_it() {
    let secret = |name: &str| format!("arn:aws:ssm:eu-west-1:111122223333:parameter/{name}");
    for (needed, allowed, expected) in [
        ("orders-??????", "orders-??????", Status::Pass),
        ("orders-??????", "orders-*", Status::Pass),
        // A part of it is allowed, and which of them there are is not known.
        ("orders-*", "orders-??????", Status::Unknown),
        ("orders-*", "orders-main", Status::Unknown),
        ("orders-*", "invoices-*", Status::Fail),
        ("orders-??????", "orders-toolong", Status::Fail),
        ("orders-*", "orders-*", Status::Pass),
        ("orders/*", "*", Status::Pass),
        // The made-up name begins with an s, and others need not.
        ("orders/*", "orders/s*", Status::Unknown),
    ] {
        let need = need("ssm:GetParameter", &secret(needed));
        let facts = facts(&need, &allow("ssm:GetParameter", &secret(allowed)), &json!({}));
        assert_eq!(status(&facts, "WRITE-004").0, expected, "{needed} by {allowed}");
    }
    let need = need("ssm:GetParameter", &secret("orders/*"));
    let denied = |resource: &str| {
        let statements =
            json!([allow("ssm:*", "*"), {"Effect": "Deny", "Action": "ssm:*", "Resource": resource}]);
        let more = json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": statements}}}}});
        status(&facts(&need, &statements[0], &more), "WRITE-004").0
    };
    assert_eq!(denied(&secret("orders/private/*")), Status::Unknown);
    assert_eq!(denied(&secret("orders/streamkap*")), Status::Unknown, "the made-up name by chance");
    let all_but = |resource: &str| {
        let deny = json!({"Effect": "Deny", "Action": "ssm:*", "NotResource": resource});
        let statements = json!([allow("ssm:*", "*"), deny]);
        let more = json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": statements}}}}});
        status(&facts(&need, &statements[0], &more), "WRITE-004").0
    };
    assert_eq!(all_but(&secret("orders/*")), Status::Pass);
    assert_eq!(all_but(&secret("orders/eu/*")), Status::Unknown);
    assert_eq!(all_but(&secret("invoices/*")), Status::Fail);
    assert_eq!(denied(&secret("invoices/*")), Status::Pass);
    assert_eq!(denied(&secret("*")), Status::Fail);
}

#[test]
fn a_secret_is_named_with_or_without_the_end_that_aws_gives_it() {
    let secret = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}");
    for (needed, written, allows) in [
        ("orders", "orders-??????", true),
        ("orders", "orders-*", true),
        ("orders", "orders", false),
        ("orders-??????", "orders-??????", true),
        ("orders-a1B2c3", "orders-a1B2c3", true),
        // It may be one secret, or all that begin so.
        ("orders-*", "orders-??????", false),
    ] {
        let need = need("secretsmanager:GetSecretValue", &secret(needed));
        let statement = allow("secretsmanager:GetSecretValue", &secret(written));
        let (_, said) = status(&facts(&need, &statement, &json!({})), "WRITE-004");
        assert_eq!(
            said.contains("is allowed by the role's own policies"),
            allows,
            "{needed} by {written}: {said}"
        );
    }
}

#[test]
fn a_policy_in_the_connector_file_is_judged_with_the_role_s() {
    let (own, theirs) =
        ("arn:aws:sqs:eu-west-1:111122223333:orders", "arn:aws:sqs:eu-west-1:444455556666:orders");
    let role = "arn:aws:iam::111122223333:role/StreamkapConnectorAccess";
    let policy = |effect: &str, principal: &str| {
        let statement =
            json!({"Effect": effect, "Principal": {"AWS": principal}, "Action": "sqs:*", "Resource": "*"});
        format!("'''{}'''", json!({"Version": "2012-10-17", "Statement": [statement]}))
    };
    let none = "\"none\"".to_owned();
    let (allowed, silent) = (allow("sqs:SendMessage", "*"), allow("s3:GetObject", "*"));
    for (queue, text, statement, expected) in [
        (own, none.clone(), &allowed, Status::Pass),
        (own, none.clone(), &silent, Status::Fail),
        (own, policy("Allow", role), &silent, Status::Pass),
        (own, policy("Allow", "444455556666"), &silent, Status::Fail),
        (own, policy("Deny", role), &allowed, Status::Fail),
        (own, policy("Deny", "444455556666"), &allowed, Status::Pass),
        (theirs, none, &allowed, Status::Fail),
        (theirs, policy("Allow", role), &allowed, Status::Pass),
        (theirs, policy("Allow", role), &silent, Status::Fail),
        (theirs, policy("Deny", role), &allowed, Status::Fail),
    ] {
        let need = format!("{}\nresource_policy = {text}", need("sqs:SendMessage", queue));
        let (found, said) = status(&facts(&need, statement, &json!({})), "WRITE-004");
        assert_eq!(found, expected, "{queue} {text} {statement}: {said}");
    }
}

/// A bucket of the role's account as it was read, with a policy of these statements and without a key.
fn bucket(policy: Option<Value>) -> Value {
    let known = |value: Value| json!({"state": "known", "value": value});
    let absent = json!({"state": "absent"});
    let policy = policy.map_or(absent.clone(), |statement| {
        known(json!(json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()))
    });
    let mut bucket = common::healthy()["buckets"]["orders-landing"].clone();
    bucket["policy"] = policy;
    bucket["encryption"] = known(json!({"algorithm": "AES256", "key": null, "bucket_key": false}));
    bucket
}

#[test]
fn a_bucket_that_is_written_out_is_judged_like_one_that_a_parameter_names() {
    let put = need("s3:PutObject", "arn:aws:s3:::lake/x/*");
    let allow_put = allow("s3:PutObject", "arn:aws:s3:::lake/x/*");
    let with = |bucket: Value| json!({"buckets": {"lake": bucket}});
    let of = |statement: &Value, more: &Value, check: &str| status(&facts(&put, statement, more), check).0;
    let silent = with(bucket(None));
    assert_eq!(of(&allow_put, &silent, "WRITE-004"), Status::Pass);
    assert_eq!(of(&allow_put, &silent, "WRITE-005"), Status::Pass);
    let elsewhere = allow("s3:PutObject", "arn:aws:s3:::lake/y/*");
    assert_eq!(of(&elsewhere, &silent, "PARTIAL-004"), Status::Fail);
    // Nobody read it.
    assert_eq!(of(&allow_put, &json!({}), "WRITE-005"), Status::Unknown);
    assert_eq!(of(&allow_put, &json!({}), "WRITE-001"), Status::Unknown);
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/*"});
    assert_eq!(of(&allow_put, &with(bucket(Some(deny))), "WRITE-005"), Status::Fail);
    let grant = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/StreamkapConnectorAccess"},
        "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/*"});
    let other = allow("s3:GetObject", "arn:aws:s3:::other/*");
    assert_eq!(of(&other, &with(bucket(Some(grant))), "WRITE-004"), Status::Pass);
    assert_eq!(of(&other, &silent, "WRITE-004"), Status::Fail);
    let mut gone = bucket(None);
    gone["head"] = json!({"state": "absent"});
    assert_eq!(of(&allow_put, &with(gone), "WRITE-001"), Status::Fail);
    let mut encrypted = bucket(None);
    encrypted["encryption"] =
        json!({"state": "known", "value": {"algorithm": "aws:kms", "key": KEY, "bucket_key": true}});
    assert_eq!(of(&allow_put, &with(encrypted.clone()), "WRITE-006"), Status::Unknown);
    let mut described = with(encrypted);
    described["keys"] = described_key("arn:aws:iam::111122223333:root")["keys"].clone();
    let (unlisted, said) = status(&facts(&put, &allow_put, &described), "WRITE-006");
    assert_eq!(unlisted, Status::Unknown);
    assert!(said.contains("add a need of kms:GenerateDataKey on {bucket_key}"), "{said}");
}

#[test]
fn each_bucket_of_a_connector_is_judged_by_its_own_policy() {
    let both = "action = \"s3:ListBucket\"\nlevel = \"required\"\n\
                resources = [\"arn:{partition}:s3:::{bucket}\", \"arn:aws:s3:::lake\"]";
    let deny = |name: &str| {
        json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": format!("arn:aws:s3:::{name}")})
    };
    for (landing, lake, expected) in [
        (None, None, Status::Pass),
        (Some(deny("orders-landing")), None, Status::Fail),
        (None, Some(deny("lake")), Status::Fail),
        (Some(deny("lake")), Some(deny("orders-landing")), Status::Pass),
    ] {
        let more = json!({"buckets": {"orders-landing": bucket(landing), "lake": bucket(lake)}});
        let facts = facts(both, &allow("s3:*", "*"), &more);
        assert_eq!(status(&facts, "WRITE-005").0, expected, "{more}");
    }
}

#[test]
fn a_pattern_of_buckets_is_no_bucket_that_could_be_read() {
    for resource in ["arn:aws:s3:::lake-*", "*"] {
        let put = need("s3:PutObject", resource);
        assert_eq!(status(&facts(&put, &allow("s3:*", "*"), &json!({})), "WRITE-004").0, Status::Unknown);
    }
}

#[test]
fn a_statement_about_another_region_is_tried_there() {
    let run = need("ec2:RunInstances", "*");
    let deny = json!({"Effect": "Deny", "Action": "ec2:RunInstances",
        "Resource": "arn:aws:ec2:us-east-1:*:instance/*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}});
    let statements = json!([allow("ec2:RunInstances", "*"), deny]);
    let more = json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": statements}}}}});
    let facts = facts(&run, &statements[0], &more);
    assert_eq!(status(&facts, "WRITE-004").0, Status::Unknown);
}
