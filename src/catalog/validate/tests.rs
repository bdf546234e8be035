use super::super::Catalog;
use super::*;

/// A connector file that is right; `{}` is put in place of its need's lines.
fn file(need: &str) -> String {
    format!(
        "name = \"queue\"\n[[parameter]]\nname = \"queue\"\nkind = \"text\"\nhelp = \"The queue\"\n\n[[need]]\n{need}"
    )
}

const NEED: &str = r#"phase = "write"
action = "sqs:SendMessage"
resources = ["arn:{partition}:sqs:{region}:{account}:{queue}"]
level = "required"
breaks = "nothing is sent"
"#;

fn told(text: &str) -> String {
    match definition("f.toml", text.as_bytes()) {
        Ok(connector) => format!("{connector:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_small_file_is_enough() {
    let connector = definition("f.toml", file(NEED).as_bytes()).unwrap();
    assert_eq!((connector.name.as_str(), connector.title.as_str()), ("queue", "queue"));
    assert_eq!(connector.needs.len(), 1);
    assert_eq!(connector.needs[0].grade, Grade::S);
    let several =
        NEED.replace("action = \"sqs:SendMessage\"", "actions = [\"sqs:SendMessage\", \"sqs:GetQueueUrl\"]");
    assert_eq!(definition("f.toml", file(&several).as_bytes()).unwrap().needs.len(), 2);
}

#[test]
fn the_built_in_files_say_how_each_need_is_known() {
    for connector in &Catalog::built_in().connectors {
        assert!(connector.needs.iter().all(|need| need.source != OWN), "{}", connector.name);
        assert!(connector.parameters.iter().all(|it| it.find.is_some() || it.kind == ParameterKind::Choice));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of faults")]
fn a_fault_is_told_with_its_place_what_is_expected_and_what_was_meant() {
    for (from, to, place, says) in [
        ("\"write\"", "\"wirte\"", "8:9", "`wirte` is no phase"),
        ("\"write\"", "\"wirte\"", "8:9", "did you mean `write`?"),
        ("\"required\"", "\"requird\"", "11:9", "did you mean `required`?"),
        ("level =", "levle =", "11:1", "a need has no field `levle`"),
        ("level =", "levle =", "11:1", "did you mean `level`?"),
        ("level =", "levle =", "7:1", "a need needs `level`"),
        ("{queue}", "{qeue}", "10:54", "nothing fills in `{qeue}`"),
        ("{queue}", "{qeue}", "10:54", "did you mean `queue`?"),
        ("{queue}", "{queue", "10:54", "is not closed"),
        ("{queue}", "{location}", "10:54", "needs a parameter to tell it"),
        ("sqs:SendMessage", "SendMessage", "9:10", "has no colon"),
        ("sqs:SendMessage", "sqs:Send*", "9:10", "has a wildcard"),
        ("sqs:SendMessage", "sqs:", "9:10", "is no IAM action"),
        ("sqs:SendMessage", "sqs:SendMesage", "9:10", "did you mean `sqs:SendMessage`?"),
        ("sqs:SendMessage", "sqz:SendMessage", "9:10", "did you mean `sqs:SendMessage`?"),
        ("sqs:SendMessage", "sqs:ListQueues", "10:14", "is about no resource"),
        ("sqs:SendMessage", "sqs:ListQueues", "10:14", "expected resources = [\"*\"]"),
        ("{account}", "1234", "10:14", "`1234` is no account"),
        ("{region}", "europe", "10:14", "`europe` is no region"),
        (
            "sqs:SendMessage\"\nresources = [\"arn:{partition}:sqs:{region}:{account}:{queue}",
            "s3:GetObject\"\nresources = [\"arn:aws:s3:::orders",
            "10:14",
            "expected arn:aws:s3:::orders/*",
        ),
        (
            "sqs:SendMessage\"\nresources = [\"arn:{partition}:sqs:{region}:{account}:{queue}",
            "s3:ListBucket\"\nresources = [\"arn:aws:s3:::orders/*",
            "10:14",
            "is about a bucket",
        ),
        (
            ":sqs:{region}:{account}:{queue}",
            ":s3:{region}:{account}:orders",
            "10:14",
            "neither region nor account",
        ),
        (":{account}:{queue}", ":{account}", "10:14", "of an ARN's six parts"),
        ("arn:{partition}:sqs", "sqs", "10:14", "is no ARN"),
        ("{queue}\"]", "{queue}/*/x\"]", "10:14", "a `*` elsewhere than at its end"),
        (
            "resources = [\"arn:{partition}:sqs:{region}:{account}:{queue}\"]",
            "resources = []",
            "10:13",
            "is empty",
        ),
        ("breaks =", "when = { given = \"qeue\" }\nbreaks =", "12:18", "there is no parameter `qeue`"),
        ("breaks =", "when = { parameter = \"queue\" }\nbreaks =", "12:8", "neither of a parameter given"),
        ("breaks =", "when = 3\nbreaks =", "12:8", "`when` is a number"),
        ("breaks =", "when = \"bukcet-key\"\nbreaks =", "12:8", "did you mean `bucket-key`?"),
        ("\"required\"", "\"conditional\"", "11:9", "a conditional need needs `when`"),
        ("breaks =", "grade = \"X\"\nbreaks =", "12:9", "`X` is no grade"),
        ("breaks =", "resource_policy = \"nil\"\nbreaks =", "12:19", "`resource_policy` is no policy"),
        (
            "breaks =",
            "resource_policy = '{\"Statement\": 3}'\nbreaks =",
            "12:19",
            "`resource_policy` is no policy",
        ),
        (
            "action = \"sqs:SendMessage\"",
            "action = \"s3:PutObject\"\nresource_policy = \"none\"",
            "10:19",
            "`s3:PutObject` takes no `resource_policy`",
        ),
        ("\"nothing is sent\"", "[\"nothing\"]", "12:10", "`breaks` is a list"),
        ("\"nothing is sent\"", "\" \"", "12:10", "`breaks` is empty"),
        ("\"nothing is sent\"", "\"it \\u001b[31mstops\"", "12:10", "nobody sees, U+001B"),
        ("\"nothing is sent\"", "\"it \u{202e}stops\"", "12:10", "nobody sees, U+202E"),
        ("level = \"required\"", "level = required", "11:9", "it is not TOML"),
    ] {
        assert!(NEED.contains(from), "{from}");
        let told = told(&file(&NEED.replace(from, to)));
        assert!(
            told.contains(&format!("f.toml:{place}: ")) && told.contains(says),
            "{to}: {says} in\n{told}"
        );
    }
}

#[test]
fn parameters_are_checked_for_their_names_kinds_and_choices() {
    let with = |lines: &str| told(&format!("{lines}\n[[need]]\n{NEED}").replace("{queue}", "x"));
    let parameter = |lines: &str| with(&format!("name = \"queue\"\n[[parameter]]\nhelp = \"h\"\n{lines}"));
    for (lines, says) in [
        ("name = \"My Queue\"\nkind = \"text\"", "did you mean `my-queue`?"),
        ("name = \"account\"\nkind = \"text\"", "is filled in by the doctor"),
        ("name = \"q\"\nkind = \"bukcet\"", "did you mean `bucket`?"),
        ("name = \"q\"\nkind = \"choice\"", "a choice needs `choices`"),
        ("name = \"q\"\nkind = \"text\"\nchoices = [\"a\"]", "only a choice has `choices`"),
        ("name = \"q\"\nkind = \"choice\"\nchoices = [\"a\"]\ndefault = \"b\"", "is none of the choices"),
        ("name = \"q\"\nkind = \"text\"\nrequired = \"yes\"", "`required` is a text"),
        (
            "name = \"q\"\nkind = \"text\"\n[[parameter]]\nname = \"q\"\nkind = \"text\"\nhelp = \"h\"",
            "a parameter `q` already",
        ),
    ] {
        assert!(parameter(lines).contains(says), "{lines}: {}", parameter(lines));
    }
    for (lines, says) in [
        ("title = \"x\"", "a connector file needs `name`"),
        ("name = \"Q\"", "did you mean `q`?"),
        ("name = \"q\"\nprincipals = [\"me\"]", "`me` is no principal"),
        ("name = \"q\"\none_of = [[\"a\", \"b\"]]", "there is no parameter `a`"),
        ("name = \"q\"\none_of = [\"a\"]", "`one_of` is a text"),
        ("name = \"q\"\ntitel = \"x\"", "did you mean `title`?"),
        ("name = \"q\"\nparameter = 3", "`parameter` is a number"),
    ] {
        assert!(with(lines).contains(says), "{lines}: {}", with(lines));
    }
    assert!(told("name = \"q\"").contains("needs `[[need]]`"));
}

#[test]
fn an_action_that_is_new_or_written_in_small_letters_is_none_of_our_business() {
    for action in ["sqs:sendmessage", "sqs:ForwardAllMessages", "newservice:DoThings"] {
        assert!(
            definition("f.toml", file(&NEED.replace("sqs:SendMessage", action)).as_bytes()).is_ok(),
            "{action}"
        );
    }
}

#[test]
fn a_need_that_stands_twice_is_shown_where_it_stands_again() {
    let again = format!("{}[[need]]\n{NEED}", file(NEED));
    let told = told(&again);
    assert!(told.contains("f.toml:13:1: `sqs:SendMessage` is needed on"), "{told}");
    let other = again.replacen("\"write\"", "\"start\"", 1);
    assert!(definition("f.toml", other.as_bytes()).is_ok());
}

#[test]
fn every_fault_is_told_at_once() {
    let told = told(&file(&NEED.replace("\"write\"", "\"wirte\"").replace("sqs:SendMessage", "send")));
    assert!(told.contains("is no phase") && told.contains("has no colon"), "{told}");
}

#[test]
fn what_is_no_text_or_too_much_of_it_is_refused() {
    let refused = |bytes: &[u8]| definition("f.toml", bytes).unwrap_err().to_string();
    assert!(refused(b"name = \"q\"\ntitle = \"\xff\"").contains("line 2 is not UTF-8"));
    assert!(refused(&vec![b' '; MAX_BYTES + 1]).contains("larger than 1 MiB"));
    assert!(refused(b"").contains("needs `name`"));
    assert!(refused(b"\0").contains("it is not TOML"));
    let deep = format!("name = {}", "[".repeat(200_000));
    assert!(refused(deep.as_bytes()).contains("it is not TOML"));
    let dotted = format!("{}x = 1", "a.".repeat(200_000));
    assert!(!refused(dotted.as_bytes()).is_empty());
    let many = format!("name = \"q\"\n{}", "[[need]]\n".repeat(5_000));
    assert!(refused(many.as_bytes()).contains("more"));
}

#[test]
fn a_file_cannot_take_the_name_of_a_built_in_connector() {
    let text = file(NEED).replace("name = \"queue\"\n[[p", "name = \"s3\"\n[[p");
    let error = Catalog::built_in().clone().with("f.toml", text.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("there is a connector `s3` already"), "{error}");
    let catalog = Catalog::built_in().clone().with("f.toml", file(NEED).as_bytes()).unwrap();
    assert!(catalog.connector("queue").is_some());
    assert!(catalog.with("f.toml", file(NEED).as_bytes()).is_ok());
}

#[test]
fn a_default_is_the_name_of_one_resource_and_never_of_what_is_required() {
    let with =
        |line: &str| told(&file(NEED).replace("help = \"The queue\"\n", &format!("help = \"q\"\n{line}\n")));
    assert!(with("default = \"a*b\"").contains("f.toml:6:11: `a*b` cannot be a default"));
    assert!(with("default = \"orders\"\nrequired = true").contains("it cannot be required"));
    assert!(definition("f.toml", file(NEED).as_bytes()).is_ok());
}

#[test]
fn an_empty_title_and_a_star_beside_other_resources_are_faults() {
    assert!(told(&format!("title = \" \"\n{}", file(NEED))).contains("f.toml:1:9: `title` is empty"));
    let both = NEED.replace("{queue}\"]", "{queue}\", \"*\"]");
    assert!(told(&file(&both)).contains("`*` stands beside other resources"));
}

#[test]
fn a_name_that_is_taken_is_shown_in_its_line() {
    let text = file(NEED).replace("name = \"queue\"\n[[parameter]]", "name = \"s3\"\n[[parameter]]");
    let error = Catalog::built_in().clone().with("f.toml", text.as_bytes()).unwrap_err().to_string();
    assert!(
        error.starts_with("f.toml:1:8: there is a connector `s3` already\n   1 | name = \"s3\""),
        "{error}"
    );
}
