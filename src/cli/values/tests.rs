use super::*;
use crate::catalog::Catalog;

fn parameter(name: &str) -> Parameter {
    let connectors = &Catalog::built_in().connectors;
    let found = connectors.iter().find_map(|connector| connector.parameter(name));
    found.cloned().unwrap_or_else(|| Parameter {
        name: name.to_owned(),
        kind: ParameterKind::Text,
        aliases: Vec::new(),
        choices: Vec::new(),
        required: true,
        default: None,
        help: "h".to_owned(),
        find: None,
    })
}

fn shown(name: &str, given: &str) -> String {
    match value(&parameter(name), given) {
        Ok(pasted) => match (pasted.region, pasted.prefix) {
            (None, None) => pasted.text,
            (region, prefix) => format!("{} {}", pasted.text, region.or(prefix).unwrap_or_default()),
        },
        Err(failure) => format!("{} | {}", failure.message, failure.hint.unwrap_or_default()),
    }
}

#[test]
fn a_value_is_taken_however_it_is_pasted() {
    for (name, given, wanted) in [
        ("database", "sales", "sales"),
        ("database", " \"sales\", ", "sales"),
        ("database", "arn:aws:glue:eu-west-1:111122223333:database/sales", "sales eu-west-1"),
        ("database", "arn:aws:glue:eu-west-1:111122223333:table/sales/orders", "sales eu-west-1"),
        (
            "database",
            "https://eu-west-1.console.aws.amazon.com/glue/home?region=eu-west-1#/v2/data-catalog/databases/view/sales?catalogId=111122223333",
            "sales eu-west-1",
        ),
        ("table", "orders", "orders"),
        ("table", "arn:aws:glue:eu-west-1:111122223333:table/sales/orders", "orders eu-west-1"),
        (
            "table",
            "https://eu-west-1.console.aws.amazon.com/glue/home?region=eu-west-1#/v2/data-catalog/tables/view/orders?database=sales&catalogId=111122223333",
            "orders eu-west-1",
        ),
        ("warehouse", "lake", "s3://lake"),
        ("warehouse", "s3a://lake/warehouse/", "s3://lake/warehouse"),
        ("warehouse", "arn:aws:s3:::lake/warehouse/*", "s3://lake/warehouse"),
        ("bucket", "s3://orders/raw/", "orders raw/"),
        ("prefix", "raw/*", "raw/"),
        ("cluster", "my-cluster", "my-cluster"),
        ("cluster", "my-cluster.abc123.eu-west-1.redshift.amazonaws.com:5439", "my-cluster eu-west-1"),
        (
            "cluster",
            "jdbc:redshift://my-cluster.abc.cn-north-1.redshift.amazonaws.com.cn:5439/dev",
            "my-cluster cn-north-1",
        ),
        ("cluster", "arn:aws:redshift:eu-west-1:111122223333:cluster:my-cluster", "my-cluster eu-west-1"),
        ("workgroup", "default-wg", "default-wg"),
        (
            "workgroup",
            "default-wg.111122223333.eu-west-1.redshift-serverless.amazonaws.com:5439/dev",
            "default-wg eu-west-1",
        ),
        ("db", "dev", "dev"),
        ("phase", "removal", "removal"),
        ("queue", "orders.fifo", "orders.fifo"),
    ] {
        assert_eq!(shown(name, given), wanted, "{name} {given}");
    }
}

#[test]
fn what_cannot_be_is_told_with_what_is_expected_and_what_was_meant() {
    for (name, given, told) in [
        ("database", "Sales", "did you mean `sales`?"),
        ("database", "sales-eu", "did you mean `sales_eu`?"),
        ("database", "sales.eu", "dots or hyphens"),
        ("database", "", "it is empty"),
        ("database", "ventes-été", "Iceberg does not accept"),
        ("database", &"a".repeat(253), "too long"),
        ("database", "arn:aws:s3:::sales", "not the ARN of a Glue database"),
        ("database", "arn:aws:glue:eu-west-1:111122223333:catalog", "not the ARN of a Glue database"),
        ("database", "https://example.com/databases/view/x", "not the address"),
        ("database", "Sales", "Where to find it"),
        ("table", "sales.orders", "did you mean `orders`?"),
        ("table", "Orders", "did you mean `orders`?"),
        ("warehouse", "hdfs://nn/warehouse", "is no address in S3"),
        ("warehouse", "s3://My_Lake/x", "did you mean `my-lake`?"),
        ("cluster", "My_Cluster", "did you mean `my-cluster`?"),
        ("cluster", "1cluster", "beginning with a letter"),
        ("cluster", "a--b", "two in a row"),
        ("cluster", "a-", "hyphen at the end"),
        ("cluster", "wg-1.111122223333.eu-west-1.redshift-serverless.amazonaws.com", "give --workgroup wg-1"),
        ("workgroup", "c1.abc.eu-west-1.redshift.amazonaws.com", "give --cluster c1"),
        ("workgroup", "ab", "3 to 64"),
        ("workgroup", "arn:aws:redshift-serverless:eu-west-1:111122223333:workgroup/0f", "not its name"),
        ("db", "dev/x", "without a colon"),
        ("phase", "instal", "did you mean `install`?"),
        ("queue", "arn:aws:sqs:eu-west-1:111122223333:orders", "did you mean `orders`?"),
        ("queue", "orders*", "is a pattern"),
        ("queue", " ", "is empty"),
    ] {
        assert!(shown(name, given).contains(told), "{name} {given}: {}", shown(name, given));
    }
}
