//! Which error codes mean that the caller was refused.

/// The spellings, without the prefixes of single services (`Client.`, `KMS.`).
///
/// CloudTrail writes `AccessDenied` for most services whose API answers
/// `AccessDeniedException`; both occur. `AuthorizationError` is SNS's, `ForbiddenException`
/// the media services', `VpceAccessDenied` that of network activity events.
pub const DENIALS: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "AccessDeniedError",
    "AccessDeniedFault",
    "UnauthorizedOperation",
    "UnauthorizedException",
    "UnauthorizedAccess",
    "UnauthorizedAccessException",
    "Forbidden",
    "ForbiddenException",
    "VpceAccessDenied",
    "AuthorizationError",
    "AuthorizationErrorException",
    "KMSAccessDeniedException",
    "KMSAccessDenied",
];

/// Whether an error code says that the caller itself was refused.
///
/// Judged by what follows the last dot, `#` or colon, so that `Client.UnauthorizedOperation`
/// and `com.amazonaws.glue#AccessDeniedException` count. Codes whose *message* merely speaks of
/// access, such as `InvalidCloudWatchLogsRoleArnException`, do not.
pub fn is_denial_code(code: &str) -> bool {
    is_denial_bytes(code.as_bytes())
}

/// The same of bytes, as they stand in a log.
pub(crate) fn is_denial_bytes(code: &[u8]) -> bool {
    let code = code.trim_ascii();
    let prefix = code.iter().rposition(|byte| matches!(byte, b'.' | b'#' | b':'));
    let name = prefix.map_or(code, |end| &code[end + 1..]);
    DENIALS.iter().any(|denial| denial.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::is_denial_code;

    #[test]
    fn every_spelling_of_a_denial_counts_with_or_without_prefix() {
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "Client.UnauthorizedOperation",
            "UnauthorizedOperation",
            "UnauthorizedException",
            "ForbiddenException",
            "VpceAccessDenied",
            "KMS.AccessDeniedException",
            "com.amazonaws.glue#AccessDeniedException",
        ] {
            assert!(is_denial_code(code), "{code}");
        }
    }

    #[test]
    fn codes_that_only_sound_like_a_denial_do_not_count() {
        for code in [
            "",
            "InvalidCloudWatchLogsRoleArnException",
            "ValidationException",
            "Throttling",
            "NoSuchBucket",
            "AccessDenied.Throttling",
            "accessdenied",
            "NotAccessDenied",
            "InvalidAccessException",
        ] {
            assert!(!is_denial_code(code), "{code}");
        }
    }
}
