//! The grammar against every documented and captured form.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const MESSAGES: &str = include_str!("../../tests/data/access-denied/messages.jsonl");

fn layer_of(name: &str) -> Layer {
    match name {
        "identity-based policy" => Layer::Identity,
        "resource-based policy" => Layer::Resource,
        "permissions boundary" => Layer::Boundary,
        "session policy" | "sessions policy" => Layer::Session,
        "service control policy" => Layer::Scp,
        "resource control policy" => Layer::Rcp,
        "VPC endpoint policy" => Layer::Endpoint,
        "role trust policy" => Layer::Trust,
        other => panic!("{other}"),
    }
}

fn expected_reason(parsed: &Value) -> Reason {
    let text = |key: &str| parsed[key].as_str();
    if let Some(layer) = text("implicit") {
        return Reason::Implicit { layer: layer_of(layer) };
    }
    if let Some(layer) = text("explicit") {
        return Reason::Explicit { layer: Some(layer_of(layer)), via: text("via").map(layer_of) };
    }
    if text("bare_explicit").is_some() {
        return Reason::Explicit { layer: None, via: None };
    }
    if text("opaque").is_some() {
        return Reason::Opaque;
    }
    if let Some(setting) = text("bpa") {
        return Reason::BlockPublicAccess { setting: setting.to_owned() };
    }
    if text("ssec").is_some() {
        return Reason::SseCBlocked;
    }
    if let Some(object) = text("lf_obj") {
        let permission = text("lf_perm").map(str::to_owned);
        return Reason::LakeFormation { permission, object: object.to_owned() };
    }
    match text("duration") {
        Some(kind) => Reason::SessionDuration { chained: kind == "chained" },
        None => Reason::Unstated,
    }
}

#[test]
fn every_sample_message_is_parsed_as_recorded() {
    for line in MESSAGES.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let message = sample["message"].as_str().unwrap();
        let parsed = &sample["parsed"];
        let denial = parse(message).unwrap_or_else(|| panic!("not parsed: {message}"));
        let text = |key: &str| parsed[key].as_str().map(str::to_owned);
        assert_eq!(denial.principal, text("principal"), "{message}");
        assert_eq!(denial.action, text("action"), "{message}");
        assert_eq!(
            denial.resource,
            text("resource").map(|name| name.trim_matches('"').to_owned()),
            "{message}"
        );
        assert_eq!(denial.reason, expected_reason(parsed), "{message}");
        assert_eq!(denial.clause_action, text("implicit_action"), "{message}");
        assert_eq!(denial.policy_arn, text("policy_arn"), "{message}");
        assert_eq!(denial.encoded, text("encoded"), "{message}");
        assert!(!denial.truncated, "{message}");
    }
}

const WHO: &str = "arn:aws:sts::111122223333:assumed-role/StreamkapConnectorAccess/session";

/// Principal, action, resource and reason.
fn parts(message: &str) -> (Option<String>, Option<String>, Option<String>, Reason) {
    let denial = parse(message).unwrap_or_else(|| panic!("not parsed: {message}"));
    (denial.principal, denial.action, denial.resource, denial.reason)
}

fn identity() -> Reason {
    Reason::Implicit { layer: Layer::Identity }
}

#[test]
fn resources_of_every_kind_are_read() {
    for (written, read) in [
        (
            "on resource: arn:aws:glue:eu-west-1:111122223333:catalog",
            Some("arn:aws:glue:eu-west-1:111122223333:catalog"),
        ),
        (
            "on resource: \"arn:aws:s3:::orders.eu.example/a \\b  c.txt\"",
            Some("arn:aws:s3:::orders.eu.example/a \\b  c.txt"),
        ),
        (
            "on resource: \"arn:aws:s3:::b/a \"quoted\" because no.txt\"",
            Some("arn:aws:s3:::b/a \"quoted\" because no.txt"),
        ),
        ("on resource: user ", Some("user")),
        ("on resource: role voclabs", Some("role voclabs")),
        ("on resource: instance profile web", Some("instance profile web")),
        (
            "on resource: policy arn:aws:iam::1:policy/p version v2",
            Some("policy arn:aws:iam::1:policy/p version v2"),
        ),
        ("on resource: access key AKIAEXAMPLE", Some("access key AKIAEXAMPLE")),
        ("on resource: TrailDiscoverSecretId", Some("TrailDiscoverSecretId")),
        ("on resource: *", Some("*")),
        ("on resource: arn:aws:ssm:us-east-1:1:*\"Name\"", Some("arn:aws:ssm:us-east-1:1:*\"Name\"")),
        (
            "on resource: arn:aws:logs:us-east-1:1:log-group::log-stream:",
            Some("arn:aws:logs:us-east-1:1:log-group::log-stream:"),
        ),
        ("on this resource", None),
        ("on the specified resource", None),
        ("", None),
    ] {
        let message = format!(
            "User: {WHO} is not authorized to perform: svc:Do {written} because no identity-based policy allows the svc:Do action"
        );
        let (_, _, resource, reason) = parts(&message);
        assert_eq!((resource.as_deref(), reason), (read, identity()), "{message}");
    }
}

#[test]
fn a_resource_without_a_clause_ends_where_the_message_does() {
    for (written, read) in [
        ("arn:aws:glue:eu-west-1:1:catalog", "arn:aws:glue:eu-west-1:1:catalog"),
        ("\"arn:aws:s3:::b/a b.txt\"", "arn:aws:s3:::b/a b.txt"),
        ("role voclabs", "role voclabs"),
        ("access key AKIAEXAMPLE", "access key AKIAEXAMPLE"),
        ("*", "*"),
        ("arn:aws:sns:us-east-1:1:t.", "arn:aws:sns:us-east-1:1:t"),
        ("role-names", "role-names"),
    ] {
        let message = format!("User: {WHO} is not authorized to perform: svc:Do on resource: {written}");
        let (_, _, resource, reason) = parts(&message);
        assert_eq!((resource.as_deref(), reason), (Some(read), Reason::Unstated), "{message}");
    }
}

#[test]
fn the_forms_of_single_services_are_read() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        parts(
            "You are not authorized to perform this operation. Encoded authorization failure message: ab_C-9"
        ),
        (None, None, None, Reason::Unstated)
    );
    assert_eq!(
        parse(
            "You are not authorized to perform this operation. Encoded authorization failure message: ab_C-9"
        )
        .unwrap()
        .encoded,
        some("ab_C-9")
    );
    assert_eq!(
        parts("User is not authorized to perform: rds:CreateDBInstance"),
        (None, some("rds:CreateDBInstance"), None, Reason::Unstated)
    );
    assert_eq!(
        parts("User: x is not authorized to access this resource"),
        (some("x"), None, None, Reason::Unstated)
    );
    assert_eq!(
        parts("User: x is not authorized to perform iam:UpdateAccessKey on resource: access key AKIA1"),
        (some("x"), some("iam:UpdateAccessKey"), some("access key AKIA1"), Reason::Unstated)
    );
    assert_eq!(
        parts("Principal [arn:x] is not allowed to execute [states:StartExecution] on the resource"),
        (some("arn:x"), some("states:StartExecution"), None, Reason::Unstated)
    );
    assert_eq!(
        parts("Access to the resource https://sqs/q is denied."),
        (None, None, some("https://sqs/q"), Reason::Unstated)
    );
    assert_eq!(parts("Not authorized to access resource q"), (None, None, some("q"), Reason::Unstated));
    assert_eq!(
        parts("Cross-account pass role is not allowed, The role should belong to account '1'").3,
        Reason::CrossAccountPassRole
    );
    assert_eq!(
        parts("The request was denied due to a VPC endpoint policy").3,
        Reason::DeniedBy { layer: Layer::Endpoint }
    );
    assert_eq!(
        parts("{\n \"errors\" : [ {\n \"errorType\" : \"UnauthorizedException\",\n \"message\" : \"You are not authorized to make this call.\"\n } ]\n}").3,
        Reason::Unstated
    );
    assert!(matches!(parts("Not whitelisted for accessing ActionType.Category='a'").3, Reason::Other { .. }));
    assert_eq!(
        parts(&format!("User: {WHO} is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::b\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access")).3,
        Reason::BlockPublicAccess { setting: "BlockPublicPolicy".into() }
    );
}

#[test]
fn a_key_that_cannot_be_used_is_a_refusal_with_its_own_reason() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    for (text, action, state) in [
        (
            format!(
                "An error occurred (DisabledException) when calling the Decrypt operation: {key} is disabled."
            ),
            Some("kms:Decrypt"),
            "disabled",
        ),
        (
            format!(
                "An error occurred (KMS.DisabledException) when calling the PutObject operation: {key} is disabled."
            ),
            Some("s3:PutObject"),
            "disabled",
        ),
        (
            format!(
                "software.amazon.awssdk.services.kms.model.KmsInvalidStateException: {key} is pending\ndeletion. (Service: \
                 Kms, Status Code: 400, Request ID: 1)\n\tat a.B.c(B.java:2)"
            ),
            None,
            "pending deletion",
        ),
    ] {
        let found = find_all(&text);
        let [denial] = &found[..] else { panic!("{text}: {found:?}") };
        assert_eq!(denial.resource.as_deref(), Some(key), "{text}");
        assert_eq!(denial.reason, Reason::KeyState { state: Some(state.to_owned()) }, "{text}");
        assert_eq!(denial.action.as_deref(), action, "{text}");
    }
    let unnamed = find_all(
        "com.amazonaws.services.kms.model.DisabledException: The request was rejected because the specified KMS key is not \
         enabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException; Request ID: 1)",
    );
    let [denial] = &unnamed[..] else { panic!("{unnamed:?}") };
    assert_eq!(denial.reason, Reason::KeyState { state: Some("disabled".to_owned()) });
    assert_eq!(denial.resource, None);
    assert_eq!(
        find_all("org.springframework.security.authentication.DisabledException: User is disabled"),
        []
    );
    let of_event =
        |code, message| Denial::of_event("kms.amazonaws.com", "Decrypt", code, message).map(|it| it.reason);
    assert_eq!(of_event("KMSInvalidStateException", None), Some(Reason::KeyState { state: None }));
    assert_eq!(of_event("NotFoundException", Some("Key does not exist")), None);
}

#[test]
fn texts_that_refuse_nobody_are_no_denial() {
    for message in [
        "",
        "invalid arn",
        "Access denied. Check the trust relationships for your role.",
        "You don't have the IAM role and permissions to access the AWS Marketplace.",
        "Stack payments is in ROLLBACK: API: iam:PassRole AccessDenied User is not authorized",
        "Rate exceeded",
    ] {
        assert_eq!(parse(message), None, "{message}");
    }
}

#[test]
fn a_message_cut_at_1024_characters_gives_what_is_left_of_it() {
    let whole = format!(
        "You are not authorized to perform this operation. User: {WHO} is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:1:instance/* because no identity-based policy allows the ec2:RunInstances action. Encoded authorization failure message: {}",
        "Ab_9".repeat(300)
    );
    for kept in 80..1021 {
        let cut = format!("{}...", &whole[..kept]);
        let denial = parse(&cut).unwrap_or_else(|| panic!("{cut}"));
        assert!(denial.truncated || !cut.contains("authorized to perform: "), "{cut}");
        if kept == 1020 {
            assert_eq!(denial.action.as_deref(), Some("ec2:RunInstances"));
            assert_eq!(denial.reason, identity());
            assert!(denial.encoded.unwrap().ends_with("Ab_9A") || denial.truncated);
        }
    }
}

#[test]
fn an_event_without_a_message_takes_its_action_from_source_and_name() {
    let denial = Denial::of_event("s3.amazonaws.com", "ListObjectsV2", "AccessDenied", None).unwrap();
    assert_eq!((denial.action.as_deref(), denial.reason), (Some("s3:ListBucket"), Reason::Unstated));
    let denial =
        Denial::of_event("glue.amazonaws.com", "GetTable", "AccessDenied", Some("An unknown error occurred"))
            .unwrap();
    assert_eq!((denial.action.as_deref(), denial.reason), (Some("glue:GetTable"), Reason::Unstated));
    let denial = Denial::of_event(
        "guardduty.amazonaws.com",
        "ListDetectors",
        "Client.UnauthorizedOperation",
        Some("Odd words."),
    )
    .unwrap();
    assert_eq!(denial.reason, Reason::Other { text: "Odd words.".into() });
    assert_eq!(Denial::of_event("s3.amazonaws.com", "GetObject", "NoSuchKey", None), None);
}

const JAVA: &str = "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:632)
Caused by: software.amazon.awssdk.services.glue.model.AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/StreamkapConnectorAccess/iceberg-aws-1
  is not authorized to perform: glue:CreateDatabase on resource: arn:aws:glue:eu-west-1:111122223333:catalog because
  no identity-based policy allows the glue:CreateDatabase action (Service: Glue, Status Code: 400, Request ID: 5) (SDK Attempt Count: 1)
\tat software.amazon.awssdk.core.internal.http.CombinedResponseHandler.handleErrorResponse(CombinedResponseHandler.java:125)
Caused by: software.amazon.awssdk.services.s3.model.S3Exception: Access Denied (Service: S3, Status Code: 403, Request ID: 7)
\tat x.y.Z(Z.java:1)
";

#[test]
fn a_wrapped_java_stack_trace_gives_its_one_explained_denial() {
    let found = find_all(JAVA);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].action.as_deref(), Some("glue:CreateDatabase"));
    assert_eq!(found[0].resource.as_deref(), Some("arn:aws:glue:eu-west-1:111122223333:catalog"));
    assert_eq!(found[0].reason, identity());
    assert_eq!(found[0].service.as_deref(), Some("Glue"));
    assert_eq!(found[0].error_code.as_deref(), Some("AccessDeniedException"));
}

#[test]
fn the_same_text_as_a_json_string_or_a_json_log_line_gives_the_same() {
    let quoted = serde_json::to_string(JAVA).unwrap();
    let line = format!("2026-11-20 ERROR start\n{{\"level\":\"ERROR\",\"exception\":{quoted}}}\nbye");
    for text in [&quoted, &line, &format!("error = {quoted};")] {
        let found = find_all(text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].action.as_deref(), Some("glue:CreateDatabase"), "{text}");
        assert_eq!(found[0].reason, identity(), "{text}");
    }
}

#[test]
fn a_stack_trace_with_nothing_but_access_denied_is_still_a_denial() {
    for (text, action) in [
        (
            "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: 1)",
            None,
        ),
        ("S3Exception: null (Service: S3, Status Code: 403, Request ID: 1)", None),
        ("An error occurred (403) when calling the HeadObject operation: Forbidden", Some("s3:GetObject")),
        (
            "fatal error: An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied",
            Some("s3:ListBucket"),
        ),
        (
            "operation error S3: PutObject, https response error StatusCode: 403, RequestID: 1, HostID: 2, api error AccessDenied: Access Denied",
            Some("s3:PutObject"),
        ),
        ("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", None),
    ] {
        let found = find_all(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0].action.as_deref(), action, "{text}");
        assert_eq!(found[0].reason, Reason::Unstated);
    }
}

#[test]
fn a_cli_error_gives_code_operation_and_retries_away() {
    let text = format!(
        "\nAn error occurred (AccessDeniedException) when calling the GetTable operation (reached max retries: 4): User: {WHO} is not authorized to perform: glue:GetTable on resource: arn:aws:glue:eu-west-1:1:table/db/t with an explicit deny in a service control policy: arn:aws:organizations::9:policy/o-a/service_control_policy/p-1\n"
    );
    let found = find_all(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].error_code.as_deref(), Some("AccessDeniedException"));
    assert_eq!(found[0].operation.as_deref(), Some("GetTable"));
    assert_eq!(
        found[0].policy_arn.as_deref(),
        Some("arn:aws:organizations::9:policy/o-a/service_control_policy/p-1")
    );
}

#[test]
fn a_cloudtrail_event_is_read_as_an_event_and_one_inside_a_string_too() {
    let event = serde_json::json!({"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "errorCode": "AccessDenied",
        "errorMessage": format!("User: {WHO} is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::orders/a b\" because no session policy allows the s3:PutObject action"),
        "userIdentity": {"arn": WHO}});
    let lookup = serde_json::json!({"Events": [{"EventId": "1", "CloudTrailEvent": event.to_string()}]});
    for text in [event.to_string(), serde_json::to_string_pretty(&lookup).unwrap()] {
        let found = find_all(&text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].resource.as_deref(), Some("arn:aws:s3:::orders/a b"));
        assert_eq!(found[0].reason.layer(), Some(Layer::Session));
    }
}

#[test]
fn a_text_broken_in_the_midst_of_words_is_joined() {
    let text = format!(
        "User: {WHO} is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::orders/a\" because no identity-based policy allows the s3:PutObject action"
    );
    let broken: Vec<_> = text.as_bytes().chunks(33).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let found = find_all(&broken.join("\n"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].action.as_deref(), Some("s3:PutObject"));
}

#[test]
fn two_messages_in_one_text_stay_apart() {
    let text = format!(
        "x User: {WHO} is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k\nUser: {WHO} is not authorized to perform: s3:PutObject because no identity-based policy allows the s3:PutObject action"
    );
    let found = find_all(&text);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].resource.as_deref(), &found[0].reason),
        (Some("arn:aws:s3:::b/k"), &Reason::Unstated)
    );
    assert_eq!((found[1].action.as_deref(), &found[1].reason), (Some("s3:PutObject"), &identity()));
}

/// In quadratic time none of these would come to an end while anybody waits.
#[test]
fn hostile_text_comes_to_an_end() {
    for piece in [
        "User: ",
        "User: x is not authorized to perform: ",
        "\"",
        "on resource: \"",
        "because ",
        "(Service: ",
        "{",
        "Encoded ",
        "An error occurred (",
        "with an  ",
        "\\n",
        " \n",
    ] {
        let text = piece.repeat(1_000_000 / piece.len());
        let _ = find_all(&text);
        let _ = parse(&format!("User: x is not authorized to perform: a:b on resource: {text}"));
        let _ = parse(&format!("User: x is not authorized to perform: a:b on resource: \"{text}"));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", cut in 0usize..600) {
        let _ = find_all(&text);
        let _ = parse(&text);
        let sample = MESSAGES.chars().skip(cut * 10).take(cut).collect::<String>();
        let _ = find_all(&format!("{sample}{text}"));
    }

    #[test]
    fn white_space_between_words_does_not_matter(line in 0usize..34, gaps in proptest::collection::vec(prop::sample::select(vec![" ", "\n", "\t", "  ", "\n\t"]), 80)) {
        let sample: Value = serde_json::from_str(MESSAGES.lines().nth(line).unwrap()).unwrap();
        let message = sample["message"].as_str().unwrap();
        // Within quotes and Lake Formation's objects white space is content.
        prop_assume!(!message.contains('"') && !message.contains("Insufficient"));
        let mut gaps = gaps.iter().cycle();
        let wrapped: String = message.split(' ').flat_map(|word| [word, gaps.next().unwrap()]).collect();
        prop_assert_eq!(parse(&wrapped), parse(message));
    }
}

#[test]
fn a_frame_takes_no_message_of_another_line() {
    let text = "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied\n\
        AccessDeniedException: Insufficient Lake Formation permission(s): Required Create Table on sales (Service: Glue)";
    let found = find_all(text);
    let told: Vec<_> = found.iter().map(|denial| (denial.action.as_deref(), &denial.reason)).collect();
    assert_eq!(told.len(), 2, "{found:?}");
    assert_eq!(told[0].0, Some("s3:GetObject"));
    assert_ne!(told[1].0, Some("glue:GetObject"));
}

#[test]
fn refusals_that_say_nothing_else_are_found_where_a_line_ends_with_them() {
    for text in [
        "Access Denied",
        "2026-01-01 ERROR Failed to write: Access Denied",
        "No access to any requested resource",
        "ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid X",
        "AccessDenied: Access Denied\n    at throwDefaultError (index.js:388:20)",
        "unhandled error (AccessDenied): Error { code: \"AccessDenied\", message: \"Access Denied\" }",
    ] {
        assert_eq!(find_all(text).len(), 1, "{text}");
    }
    for text in ["Access granted", "Our docs: if you see \"Access Denied\" then check the policy."] {
        assert_eq!(find_all(text), [], "{text}");
    }
    let found = find_all(
        "OSError: When reading key 'x': AWS Error ACCESS_DENIED during GetObject operation: No body.",
    );
    assert_eq!(found[0].action.as_deref(), Some("s3:GetObject"));
}

#[test]
fn the_consoles_own_words_are_read_line_by_line() {
    let text = "You don't have permission to iam:GetRole. To request access, copy the following text\n\
        User: arn:aws:iam::111122223333:user/ann\nAction: iam:GetRole\n\
        On resource(s): arn:aws:iam::111122223333:role/orders\n\
        Context: no identity-based policy allows the action";
    let found = find_all(text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].action.as_deref(), Some("iam:GetRole"));
    assert_eq!(found[0].resource.as_deref(), Some("arn:aws:iam::111122223333:role/orders"));
    assert_eq!(found[0].principal.as_deref(), Some("arn:aws:iam::111122223333:user/ann"));
    assert_eq!(found[0].reason, Reason::Implicit { layer: Layer::Identity });
}

#[test]
fn a_message_cut_into_lines_of_any_width_is_read_as_it_was() {
    let policy = "arn:aws:organizations::999988887777:policy/o-abcdefghij/service_control_policy/p-abcd1234";
    let whole = format!(
        "User: arn:aws:sts::111122223333:assumed-role/orders/s1 is not authorized to perform: glue:GetTable on resource: \
         arn:aws:glue:eu-west-1:111122223333:table/d/t with an explicit deny in a service control policy: {policy}"
    );
    let letters: Vec<char> = whole.chars().collect();
    let mut wrong = Vec::new();
    for width in 40..200 {
        let lines: Vec<String> = letters.chunks(width).map(|line| line.iter().collect()).collect();
        let found = find_all(&lines.join("\n"));
        let [denial] = &found[..] else { panic!("{width}: {found:?}") };
        let read = (denial.action.as_deref(), denial.resource.as_deref(), denial.policy_arn.as_deref());
        if read
            != (Some("glue:GetTable"), Some("arn:aws:glue:eu-west-1:111122223333:table/d/t"), Some(policy))
        {
            wrong.push((width, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A message wrapped in the frame of Terraform, and in logs that put something before every line.
#[test]
fn a_message_in_pieces_is_put_together_whatever_stands_before_them() {
    let pieces = [
        "AccessDeniedException: User:",
        "arn:aws:sts::111122223333:assumed-role/Access/s is not authorized to perform: glue:CreateTable",
        "on resource: arn:aws:glue:eu-west-1:111122223333:database/orders because no",
        "identity-based policy allows the glue:CreateTable action",
    ];
    let each = |before: &str, after: &str| pieces.map(|piece| format!("{before}{piece}{after}\n")).concat();
    let hyphenated = pieces.join(" ").replace("assumed-role", "assumed-\nrole");
    for text in [
        format!("╷\n{}╵\n", each("│ ", "")),
        each("│ ", "   │"),
        each("2026-11-20 12:00:00,123 ERROR ", ""),
        each("[2026-11-20T12:00:00Z] WARN: ", ""),
        each("2026-11-20T12:00:00.000000000Z stderr F ", ""),
        each("2026-11-20T12:00:00.000000000Z stdout P ", " "),
        each("connect-1  | ", ""),
        hyphenated,
    ] {
        let found = find_all(&text);
        assert_eq!(found.len(), 1, "{text}\n{found:#?}");
        assert_eq!(found[0].action.as_deref(), Some("glue:CreateTable"), "{text}");
        let resource = "arn:aws:glue:eu-west-1:111122223333:database/orders";
        assert_eq!(found[0].resource.as_deref(), Some(resource), "{text}");
        assert_eq!(found[0].reason, Reason::Implicit { layer: Layer::Identity }, "{text}");
    }
}

#[test]
fn a_message_that_breaks_off_gives_no_part_of_a_name_for_the_whole() {
    let user = "User: arn:aws:sts::111122223333:assumed-role/Access/s is not authorized to perform: ";
    for (rest, action, resource, cut) in [
        ("s3:PutOb", None, None, true),
        ("s3:PutObject on resource: \"arn:aws:s3:::", Some("s3:PutObject"), None, true),
        (
            "s3:PutObject on resource: \"arn:aws:s3:::b/k",
            Some("s3:PutObject"),
            Some("arn:aws:s3:::b/k"),
            true,
        ),
        (
            "s3:PutObject on resource: \"arn:aws:s3:::b/k\"",
            Some("s3:PutObject"),
            Some("arn:aws:s3:::b/k"),
            false,
        ),
        ("s3:ListAllMyBuckets", Some("s3:ListAllMyBuckets"), None, false),
        ("newer:CallOfTomorrow", Some("newer:CallOfTomorrow"), None, false),
    ] {
        let found = find_all(&format!("{user}{rest}"));
        let [denial] = &found[..] else { panic!("{rest}: {found:#?}") };
        let told = (denial.action.as_deref(), denial.resource.as_deref(), denial.truncated);
        assert_eq!(told, (action, resource, cut), "{rest}");
    }
}

#[test]
fn an_encoded_message_survives_the_width_of_a_terminal() {
    let code = "Abc_-9".repeat(60);
    let text = format!(
        "An error occurred (UnauthorizedOperation) when calling the RunInstances operation: You are not authorized to perform \
         this operation. Encoded authorization failure message: {code}"
    );
    for width in [80, 100, 120] {
        let letters: Vec<char> = text.chars().collect();
        let wrapped: Vec<String> = letters.chunks(width).map(|line| line.iter().collect()).collect();
        let found = find_all(&wrapped.join("\n"));
        assert_eq!(found.len(), 1, "{width}: {found:#?}");
        assert_eq!(found[0].encoded.as_deref(), Some(code.as_str()), "{width}");
        assert_eq!(found[0].operation.as_deref(), Some("RunInstances"), "{width}");
    }
}

#[test]
fn a_pasted_event_tells_what_its_call_was_about() {
    let event = r#"{"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "awsRegion": "us-west-2", "errorCode": "AccessDenied",
        "errorMessage": "Access Denied", "requestParameters": {"bucketName": "orders", "key": "k1"}}"#;
    assert_eq!(find_all(event)[0].resource.as_deref(), Some("arn:aws:s3:::orders/k1"));
}

#[test]
fn words_of_a_later_line_are_no_part_of_a_message() {
    let resource = "arn:aws:glue:eu-west-1:111122223333:table/d/t";
    let message = format!("User: {WHO} is not authorized to perform: glue:GetTable on resource: {resource}");
    for next in [
        "because of this the task stopped",
        "[2026-11-20 12:00:00] WARN retry failed because it timed out",
        "INFO nothing with an explicit deny in a service control policy",
        "\norders failed because it timed out",
    ] {
        let found = find_all(&format!("{message}\n{next}\n"));
        let told: Vec<_> = found.iter().map(|it| (it.resource.as_deref(), it.reason.clone())).collect();
        assert_eq!(told, [(Some(resource), Reason::Unstated)], "{next}");
    }
    let wrapped = format!("{message}\nbecause no identity-based policy allows the glue:GetTable action");
    assert_eq!(find_all(&wrapped)[0].reason, identity());
}
