//! As much of HTTP/1.1 as AWS's SDKs and MiniStack speak, and AWS's ways of naming operations in it.

use std::io::{self, BufRead, Write};

use streamkap_doctor::collect::operations;

/// A request or a response.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The first line.
    pub first: String,
    /// Header names as sent, with values.
    pub headers: Vec<(String, String)>,
    /// The body, without transfer encoding.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads a message; `None` when the connection ends before one begins. `bodyless`: an answer to HEAD.
    pub fn read(from: &mut impl BufRead, bodyless: bool) -> io::Result<Option<Self>> {
        let mut message = Self::default();
        if from.read_line(&mut message.first)? == 0 {
            return Ok(None);
        }
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        message.first.truncate(message.first.trim_end().len());
        if bodyless {
            return Ok(Some(message));
        }
        if message.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            message.body = chunks(from)?;
            message.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("transfer-encoding"));
        } else if let Some(length) = message.header("content-length").and_then(|value| value.parse().ok()) {
            message.body = vec![0; length];
            from.read_exact(&mut message.body)?;
        }
        Ok(Some(message))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Sends the message with the length of its body, unless it is an answer to HEAD.
    pub fn write(&self, to: &mut impl Write, bodyless: bool) -> io::Result<()> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            if bodyless || !name.eq_ignore_ascii_case("content-length") {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !bodyless {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        to.write_all(text.as_bytes())?;
        to.write_all(&self.body)?;
        to.flush()
    }

    /// An answer.
    pub fn answer(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            first: format!("HTTP/1.1 {status} {}", if status < 300 { "OK" } else { "Error" }),
            headers: vec![
                ("content-type".to_owned(), kind.to_owned()),
                ("x-amzn-requestid".to_owned(), "00000000-proxy".to_owned()),
            ],
            body: body.into(),
        }
    }

    /// `GET`, `POST`, …
    pub fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// A parameter of a query-protocol request.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let body = std::str::from_utf8(&self.body).ok()?;
        body.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(
            |(_, value)| {
                let value = value.replace('+', " ");
                percent_encoding::percent_decode_str(&value).decode_utf8_lossy().into_owned()
            },
        )
    }

    /// Numbered parameters: `name.member.1`, `name.member.2`, …
    pub fn parameters(&self, name: &str, member: &str) -> Vec<String> {
        (1..).map_while(|number| self.parameter(&format!("{name}.member.{number}{member}"))).collect()
    }

    /// The access key that signed the request.
    pub fn access_key(&self) -> &str {
        let header = self.header("authorization").unwrap_or_default();
        header.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default()
    }

    /// The region that the request was signed for.
    pub fn region(&self) -> &str {
        let header = self.header("authorization").unwrap_or_default();
        header.split("Credential=").nth(1).and_then(|rest| rest.split('/').nth(2)).unwrap_or_default()
    }

    /// Which operation a request is.
    pub fn operation(&self) -> &'static operations::Operation {
        let name = match self.header("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            None => self.parameter("Action").unwrap_or_else(|| self.named_by_path().to_owned()),
        };
        let found = operations::ALL.iter().find(|operation| operation.name == name);
        found.unwrap_or_else(|| panic!("not an operation of the doctor: {} {name}", self.first))
    }

    /// By method and path: S3's way, and Lake Formation's, whose path is the operation's name.
    fn named_by_path(&self) -> &str {
        match self.target().strip_prefix('/') {
            Some(name) if self.method() == "POST" && !name.is_empty() => name,
            _ => self.s3_operation(),
        }
    }

    fn s3_operation(&self) -> &'static str {
        let query = self.target().split_once('?').map_or("", |(_, query)| query);
        let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
        match self.method() {
            "HEAD" => "HeadBucket",
            "GET" if has("policy") => "GetBucketPolicy",
            "GET" if has("encryption") => "GetBucketEncryption",
            "GET" if has("ownershipControls") => "GetBucketOwnershipControls",
            "GET" if has("publicAccessBlock") => "GetPublicAccessBlock",
            "GET" if has("object-lock") => "GetObjectLockConfiguration",
            "GET" if has("list-type") => "ListObjectsV2",
            "GET" if self.target().split('?').next().is_some_and(|path| path.matches('/').count() > 1) => {
                "GetObject"
            }
            _ => "an unknown operation of S3",
        }
    }
}

fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim().split(';').next().unwrap_or("0"), 16).unwrap_or(0);
        let mut chunk = vec![0; size];
        from.read_exact(&mut chunk)?;
        body.extend_from_slice(&chunk);
        line.clear();
        from.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// An error in the shape of the service that the operation is of.
pub fn error(operation: &operations::Operation, status: u16, code: &str, message: &str) -> Message {
    match operation.service {
        "S3" if operation.name == "HeadBucket" => Message {
            headers: vec![("x-amz-request-id".to_owned(), "proxy".to_owned())],
            ..Message::answer(status, "application/xml", "")
        },
        "S3" => Message::answer(
            status,
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>proxy</RequestId></Error>"
            ),
        ),
        "IAM" | "STS" | "Redshift" => Message::answer(
            status,
            "text/xml",
            format!(
                "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>proxy</RequestId></ErrorResponse>"
            ),
        ),
        _ => Message::answer(
            if status == 403 { 400 } else { status },
            "application/x-amz-json-1.1",
            serde_json::json!({"__type": code, "message": message}).to_string(),
        ),
    }
}

/// The code by which the operation's service says that the caller may not.
pub fn denial_code(operation: &operations::Operation) -> &'static str {
    if matches!(operation.service, "S3" | "IAM" | "STS" | "Redshift") {
        "AccessDenied"
    } else {
        "AccessDeniedException"
    }
}
