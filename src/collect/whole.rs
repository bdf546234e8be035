//! Whether an answer came whole. The SDK's readers take XML that ends too early for all there is, and JSON without
//! a list for an empty one; neither was read.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The members of which an operation's answer in JSON has one, be it an empty list.
const MEMBERS: [(&str, &[&str]); 13] = [
    ("DescribeTrails", &["trailList"]),
    ("GetDatabases", &["DatabaseList"]),
    ("GetEventSelectors", &["EventSelectors", "AdvancedEventSelectors"]),
    ("GetTables", &["TableList"]),
    ("ListEventDataStores", &["EventDataStores"]),
    ("ListGrants", &["Grants"]),
    ("ListLakeFormationOptIns", &["LakeFormationOptInsInfoList"]),
    ("ListPermissions", &["PrincipalResourcePermissions"]),
    ("ListResources", &["ResourceInfoList"]),
    ("ListWorkgroups", &["workgroups"]),
    ("LookupEvents", &["Events"]),
    ("GetDataLakeSettings", &["DataLakeSettings"]),
    ("GetDataCatalogEncryptionSettings", &["DataCatalogEncryptionSettings"]),
];

/// Whether the body of an answer is all that AWS sent for this operation, as far as it tells.
pub(super) fn is_whole(operation: &str, body: &[u8]) -> bool {
    match body.trim_ascii_start().first() {
        Some(b'<') => is_whole_xml(body),
        _ => has_members(operation, body),
    }
}

/// Whether a text ends with the end of the element that it begins with.
fn is_whole_xml(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mut rest = text.trim();
    while let Some(head) = rest.strip_prefix("<?").or_else(|| rest.strip_prefix("<!")) {
        let Some((_, after)) = head.split_once('>') else { return false };
        rest = after.trim_start();
    }
    let Some(root) = rest.strip_prefix('<') else { return false };
    let name = root.split(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/')).next();
    let (Some(name), Some(end)) = (name, root.find('>')) else { return false };
    if root[..end].ends_with('/') {
        return end + 1 == root.len();
    }
    root.strip_suffix('>')
        .and_then(|text| text.trim_end().strip_suffix(name))
        .is_some_and(|text| text.ends_with("</"))
}

/// Whether an answer in JSON has what an answer of its operation always has.
fn has_members(operation: &str, text: &[u8]) -> bool {
    let Some((_, members)) = MEMBERS.iter().find(|(name, _)| *name == operation) else { return true };
    let Ok(found) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(text) else { return false };
    members.iter().any(|member| found.get(*member).is_some_and(|value| value.get() != "null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_whole_where_its_first_element_ends_with_it() {
        let whole = "<?xml version=\"1.0\"?>\n<!-- x -->\n<GetRoleResponse xmlns=\"y\"><Role><Arn>a</Arn></Role></GetRoleResponse>\n";
        assert!(is_whole_xml(whole.as_bytes()));
        for whole in ["<A/>", "<A />", "<A></A>", "<A b=\"c\"></A >", " <A><A></A></A> "] {
            assert!(is_whole_xml(whole.as_bytes()), "{whole}");
        }
        let text = whole.trim_end();
        for end in 1..text.len() {
            assert!(!is_whole_xml(&text.as_bytes()[..end]), "{}", &text[..end]);
        }
    }

    #[test]
    fn json_without_its_list_is_none() {
        assert!(has_members("GetTables", br#"{"TableList":[]}"#));
        assert!(has_members("GetEventSelectors", br#"{"TrailARN":"a","AdvancedEventSelectors":[]}"#));
        for none in
            [&b""[..], b"{}", br#"{"TableList":null}"#, br#"{"NextToken":"a"}"#, br#"{"TableList":["#, b"[]"]
        {
            assert!(!has_members("GetTables", none), "{none:?}");
        }
        assert!(has_members("GetCallerIdentity", b""), "which has no list");
    }
}
