//! Which error codes mean that the caller was refused.

/// With these KMS refuses a key that is disabled, or in another state in which it does nothing, to whoever asks.
/// S3 hands them on with `KMS.` before them.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>
const KEY_STATES: [&str; 2] = ["DisabledException", "KMSInvalidStateException"];

/// The spellings, without the prefixes of single services (`Client.`, `KMS.`).
///
/// CloudTrail writes `AccessDenied` for most services whose API answers
/// `AccessDeniedException`; both occur. `AuthorizationError` is SNS's, `ForbiddenException`
/// the media services', `VpceAccessDenied` that of network activity events.
const DENIALS: [&str; 17] = [
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
    KEY_STATES[0],
    KEY_STATES[1],
];

/// With this Glue hands on whatever KMS said about the catalogue's key, be it that it refused the caller:
/// the message tells.
/// <https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-exceptions.html>
const RELAYING: &str = "GlueEncryptionException";

/// Whether an error code says that the caller itself was refused.
///
/// Judged by what follows the last dot, `#` or colon, so that `Client.UnauthorizedOperation`
/// and `com.amazonaws.glue#AccessDeniedException` count. Codes whose *message* merely speaks of
/// access, such as `InvalidCloudWatchLogsRoleArnException`, do not.
pub fn is_denial_code(code: &str) -> bool {
    is_denial_bytes(code.as_bytes())
}

fn is_denial_bytes(code: &[u8]) -> bool {
    let name = name_of(code);
    DENIALS.iter().any(|denial| denial.as_bytes() == name)
}

/// Whether an error code leaves it to the message whether the caller was refused.
pub(crate) fn is_relaying_code(code: &str) -> bool {
    is_relaying_bytes(code.as_bytes())
}

fn is_relaying_bytes(code: &[u8]) -> bool {
    name_of(code) == RELAYING.as_bytes()
}

/// Whether an error with this code, as it stands in a log, may say that the caller was refused.
pub(crate) fn may_be_denial(code: &[u8]) -> bool {
    is_denial_bytes(code) || is_relaying_bytes(code)
}

/// Every code with which the caller may have been refused, without prefixes.
pub fn codes_of_denials() -> impl Iterator<Item = &'static str> {
    DENIALS.into_iter().chain([RELAYING])
}

/// Whether an error code says that a KMS key is in a state in which it serves nobody, which is about nobody's
/// permissions.
pub(crate) fn is_key_state_code(code: &str) -> bool {
    let name = name_of(code.as_bytes());
    KEY_STATES.iter().any(|state| state.as_bytes() == name)
}

/// A code without what stands before it.
fn name_of(code: &[u8]) -> &[u8] {
    let code = code.trim_ascii();
    let prefix = code.iter().rposition(|byte| matches!(byte, b'.' | b'#' | b':'));
    prefix.map_or(code, |end| &code[end + 1..])
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
            "KMS.DisabledException",
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
