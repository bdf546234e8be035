//! Names compared without regard to case, hashed once so that most comparisons are of one number.

/// A condition key, or the service prefix of an action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    hash: u64,
    /// In lower case.
    name: Box<str>,
    /// Whether AWS supplies it without being told, see [`Request::context`](super::Request::context).
    derivable: bool,
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        const DERIVABLE: [&str; 8] = [
            "aws:principalaccount",
            "aws:principalarn",
            "aws:principalisawsservice",
            "aws:principalservicename",
            "aws:principaltype",
            "aws:resourceaccount",
            "aws:userid",
            "aws:username",
        ];
        let name = name.to_ascii_lowercase().into_boxed_str();
        Self { hash: hash(&name), derivable: DERIVABLE.contains(&&*name), name }
    }

    /// The name in lower case.
    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    pub(super) fn is_derivable(&self) -> bool {
        self.derivable
    }
}

/// FNV-1a, of a name in lower case. Names are short and equal hashes are still compared.
pub(super) fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
