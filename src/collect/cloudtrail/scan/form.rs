//! Tells by its beginning and its name whether a file may hold records, and in which form.

use memchr::memmem;

/// What a file is by its first bytes and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A log, or what may be left of one.
    Log,
    /// What may hold records but is not read; in words, with what to do.
    Other(&'static str),
    /// Surely no log.
    NoLog,
}

const ZIP: &str = "a ZIP archive: unpack it first";
const TAR: &str = "a tar archive: unpack it first";
const COLUMNS: &str =
    "a table of columns: query it with Athena, --athena DATABASE.TABLE, or give the log files";
const PACKED: &str = "in a compression other than gzip: decompress it first";
const CSV: &str = "a table in CSV, which leaves out what a denial is about: choose JSON where events are downloaded, or \
    give the log files";

/// How other forms begin.
const BEGINNINGS: [(&[u8], &str); 14] = [
    (b"PK\x03\x04", ZIP),
    (b"BZh", PACKED),
    (b"\xfd7zXZ\0", PACKED),
    (b"\x28\xb5\x2f\xfd", PACKED),
    (b"\x04\x22\x4d\x18", PACKED),
    (b"\xff\x06\0\0sNaPpY", PACKED),
    (b"\x1f\x9d", PACKED),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!\x1a", "a RAR archive: unpack it first"),
    (b"PAR1", COLUMNS),
    (b"ORC", COLUMNS),
    (b"Obj\x01", COLUMNS),
    (b"SQLite format 3\0", "a database: export its records as JSON"),
    (b"\x89HDF", COLUMNS),
];

/// How other forms are named.
const ENDINGS: [(&str, &str); 18] = [
    ("zip", ZIP),
    ("tar", TAR),
    ("bz2", PACKED),
    ("tbz2", PACKED),
    ("xz", PACKED),
    ("txz", PACKED),
    ("zst", PACKED),
    ("zstd", PACKED),
    ("lz4", PACKED),
    ("lzo", PACKED),
    ("sz", PACKED),
    ("snappy", PACKED),
    ("z", PACKED),
    ("7z", "a 7z archive: unpack it first"),
    ("rar", "a RAR archive: unpack it first"),
    ("parquet", COLUMNS),
    ("orc", COLUMNS),
    ("avro", COLUMNS),
];
/// Names of logs: what bears one and does not begin as logs do is damaged.
const LOGS: [&str; 4] = ["json", "jsonl", "ndjson", "gz"];
/// Documents and programs that are ZIP archives.
const DOCUMENTS: [&str; 9] = ["docx", "pptx", "odt", "odp", "epub", "jar", "war", "whl", "apk"];

/// What a file with this name is that begins with `head`, its first bytes.
pub(super) fn form(name: &str, head: &[u8]) -> Form {
    let lower = name.to_ascii_lowercase();
    let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
    if DOCUMENTS.contains(&ending) {
        return Form::NoLog;
    }
    if let Some(other) = of_beginning(head) {
        return Form::Other(other);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let may_be_log = [&[0x1f, 0x8b][..], &[0xff, 0xfe], &[0xfe, 0xff]]
        .iter()
        .any(|mark| head.starts_with(mark))
        || matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
        || [&b"\"eventVersion\""[..], b"\"eventSource\""].iter().any(|key| memmem::find(head, key).is_some());
    if may_be_log || LOGS.contains(&ending) || text.trim_ascii().is_empty() && !head.is_empty() {
        return Form::Log;
    }
    match ENDINGS.iter().find(|(known, _)| *known == ending) {
        Some((_, other)) => Form::Other(other),
        None if is_table(ending, text) => Form::Other(CSV),
        None => Form::NoLog,
    }
}

/// The form that a file or a decompressed text is of by how it begins; none: it may be text.
pub(super) fn of_beginning(head: &[u8]) -> Option<&'static str> {
    let known = BEGINNINGS.iter().find(|(beginning, _)| head.starts_with(beginning));
    known.map(|(_, form)| *form).or_else(|| (head.get(257..262) == Some(b"ustar")).then_some(TAR))
}

/// Whether it is a table of events, such as the console downloads, by its first line. A table whose columns are
/// named after other things is none.
fn is_table(ending: &str, text: &[u8]) -> bool {
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(4096)]).to_ascii_lowercase();
    let columns = line.split([',', ';', '\t']).count();
    let of_events = ["event", "error", "user identity", "useridentity", "cloudtrail"]
        .iter()
        .any(|word| line.contains(word));
    let of_names = ["event name", "eventname", "event_name"].iter().any(|word| line.contains(word));
    match ending {
        "csv" | "tsv" => columns == 1 || of_events,
        _ => columns > 2 && of_names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hold_records_is_told_from_what_surely_holds_none() {
        let console = b"Event ID,AWS access key,AWS region,Error code,Event name,Event source\n1,A,eu-west-1,,PutObject,s3";
        for (name, head, other) in [
            ("logs.zip", &b"PK\x03\x04rest"[..], Some("unpack it first")),
            ("logs", b"PK\x03\x04rest", Some("unpack it first")),
            ("logs.zip", b"what is this", Some("unpack it first")),
            ("a.json.bz2", b"BZh91AY", Some("decompress")),
            ("a.json.xz", b"\xfd7zXZ\0", Some("decompress")),
            ("a.json.zst", b"\x28\xb5\x2f\xfd", Some("decompress")),
            ("a.parquet", b"PAR1", Some("Athena")),
            ("a.ORC", b"ORC", Some("Athena")),
            ("event_history.csv", console, Some("JSON")),
            ("export.txt", console, Some("JSON")),
            ("athena.csv", b"\"eventversion\",\"useridentity\"", Some("JSON")),
        ] {
            let Form::Other(words) = form(name, head) else { panic!("{name}") };
            assert!(other.is_some_and(|other| words.contains(other)), "{name}: {words}");
        }
        for (name, head) in [
            ("a.json", &b" {\"Records\":[]}"[..]),
            ("a.json", &[0; 300]),
            ("a.json", b"e\":\"PutObject\",\"awsRegion\""),
            ("host.log", b"Mar 2 host {\"eventVersion\":\"1.09\""),
            ("a.json.gz", b""),
            ("a", b"\x1f\x8b\x08"),
        ] {
            assert_eq!(form(name, head), Form::Log, "{name}");
        }
        for (name, head) in [
            ("README.md", &b"# Not a log"[..]),
            ("notes.txt", b"eventName is the call, errorCode why it failed"),
            (".DS_Store", b"\0\0\0\x01Bud1"),
            ("costs.csv", b"date,service,amount\n"),
            (
                "flow",
                b"2 111122223333 eni-1 10.0.0.1 10.0.0.2 443 49152 6 20 4249 1418530010 1418530070 ACCEPT OK",
            ),
            ("guide.docx", b"PK\x03\x04"),
            (".keep", b""),
        ] {
            assert_eq!(form(name, head), Form::NoLog, "{name}");
        }
    }

    #[test]
    fn a_tar_archive_is_told_by_the_word_in_its_header() {
        let mut head = vec![b'a'; 600];
        head[257..262].copy_from_slice(b"ustar");
        assert_eq!(form("logs", &head), Form::Other(TAR));
    }
}
