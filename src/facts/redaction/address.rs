//! Addresses under pseudonyms: what lay within a range lies within it after.
//!
//! Bit by bit from the left, each bit turned or not by all before it: two addresses have as many first bits
//! in common as they had. Bits that part the ranges of special use from the rest are never turned, so that
//! private stays private and public stays public.
//! <https://www.iana.org/assignments/iana-ipv4-special-registry/>

use std::net::{Ipv4Addr, Ipv6Addr};

use super::alphabet::mixed;

/// Ranges that are no secret and tell something by themselves, and the two addresses that the doctor itself
/// takes for any address of AWS and for any of a private network.
const SPECIAL_V4: [(Ipv4Addr, u32); 14] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
    (Ipv4Addr::UNSPECIFIED, 32),
    (Ipv4Addr::new(52, 0, 0, 1), 32),
    (Ipv4Addr::new(192, 0, 2, 1), 32),
];
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2600, 0x1f00, 0, 0, 0, 0, 0, 1), 128),
    (Ipv6Addr::LOCALHOST, 128),
];

/// What stands for an address or a range of addresses (`203.0.113.0/24`); `None`: it is none.
pub(super) fn redacted(text: &str) -> Option<String> {
    let (host, mask) = text.split_once('/').map_or((text, None), |(host, mask)| (host, Some(mask)));
    let bits = mask.map(str::parse::<u32>);
    if bits.as_ref().is_some_and(Result::is_err) {
        return None;
    }
    let bits = bits.and_then(Result::ok);
    let address = if let Ok(v4) = host.parse::<Ipv4Addr>() {
        let special = SPECIAL_V4.map(|(address, bits)| (widened(address), bits));
        let turned = turned(widened(v4), bits.unwrap_or(32).min(32), 32, &special);
        Ipv4Addr::from(u32::try_from(turned >> 96).unwrap_or(0)).to_string()
    } else {
        let v6 = host.parse::<Ipv6Addr>().ok().filter(|_| host.len() > 2 || mask.is_some())?;
        let special = SPECIAL_V6.map(|(address, bits)| (u128::from(address), bits));
        Ipv6Addr::from(turned(u128::from(v6), bits.unwrap_or(128).min(128), 128, &special)).to_string()
    };
    Some(mask.map_or_else(|| address.clone(), |mask| format!("{address}/{mask}")))
}

fn widened(address: Ipv4Addr) -> u128 {
    u128::from(u32::from(address)) << 96
}

/// The address with its bits turned. Those of the host, beyond `mask`, stay nought where all are.
fn turned(address: u128, mask: u32, width: u32, special: &[(u128, u32)]) -> u128 {
    let first = |bits: u32| if bits == 0 { 0 } else { u128::MAX << (128 - bits) };
    let bare = address & !first(mask) == 0;
    let length = if bare { mask } else { width };
    let mut out = address;
    for at in 0..length {
        let before = address & first(at);
        let parts = special.iter().any(|(range, bits)| at < *bits && range & first(at) == before);
        if parts {
            continue;
        }
        let low = u64::try_from(before & u128::from(u64::MAX)).unwrap_or(0);
        let high = u64::try_from(before >> 64).unwrap_or(0);
        let drawn = mixed(high ^ mixed(low ^ mixed(u64::from(at))));
        // The last bit of each octet always: no address and no network of whole octets stands for itself.
        if at % 8 == 7 || drawn & 1 == 1 {
            out ^= 1 << (127 - at);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(text: &str) -> u32 {
        text.split('/').next().unwrap().parse::<Ipv4Addr>().unwrap().into()
    }

    #[test]
    fn what_addresses_have_in_common_they_have_after() {
        let all =
            ["203.0.113.7", "203.0.113.8", "203.0.112.7", "8.8.8.8", "8.8.4.4", "54.12.1.9", "10.1.2.3"];
        for one in all {
            let mapped = redacted(one).unwrap();
            assert_ne!(mapped, one);
            for other in all {
                let common = |left: &str, right: &str| (bits(left) ^ bits(right)).leading_zeros();
                assert_eq!(common(one, other), common(&mapped, &redacted(other).unwrap()), "{one} {other}");
            }
        }
    }

    #[test]
    fn ranges_keep_their_members_and_what_is_special_stays_so() {
        for (range, member) in
            [("8.8.0.0/16", "8.8.4.4"), ("203.0.113.0/24", "203.0.113.7"), ("52.0.0.0/9", "52.0.0.1")]
        {
            let (mapped, mask) = redacted(range)
                .unwrap()
                .split_once('/')
                .map(|(a, b)| (bits(a), b.parse::<u32>().unwrap()))
                .unwrap();
            let member = bits(&redacted(member).unwrap());
            assert_eq!(mapped >> (32 - mask), member >> (32 - mask), "{range}");
            assert_eq!(mapped << mask, 0, "{range}");
        }
        for same in ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "52.0.0.1", "192.0.2.1", "::/0"] {
            assert_eq!(redacted(same).unwrap(), same);
        }
        for private in ["10.20.30.40", "172.16.3.4/32", "192.168.1.0/24"] {
            let mapped = redacted(private).unwrap();
            assert!(Ipv4Addr::from(bits(&mapped)).is_private() && mapped != private, "{private} {mapped}");
        }
        assert!(redacted("2001:db8::17").unwrap().starts_with("2001:db8:"));
        assert_ne!(redacted("2600:1f16::17").unwrap(), "2600:1f16::17");
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["orders", "1.2.3", "12:34", "::", "8.8.8.8/x", "8.8.8.8/", ""] {
            assert_eq!(redacted(text), None, "{text}");
        }
    }
}
