//! Internet addresses in policies: which of them a call over the internet can come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a call over the internet can come from the address: not from private networks, nor from
/// those of RFC 5737 and RFC 3849 that exist in documentation only.
pub fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation()
                || address.is_unspecified()
                || first == 0
                || first >= 224
                || (first == 100 && (64..128).contains(&second)))
        }
        // 2000::/3 is all of the internet's IPv6.
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            bits >> 125 == 1 && bits >> 96 != 0x2001_0db8
        }
    }
}

/// The first and the last address of a range such as `10.0.0.0/8`; twice the same for one address.
pub fn ends_of_range(range: &str) -> Option<(IpAddr, IpAddr)> {
    let (base, bits) = range.split_once('/').map_or((range, None), |(base, bits)| (base, Some(bits)));
    let bits = |most: u32| bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most));
    Some(match base.parse().ok()? {
        IpAddr::V4(base) => {
            let size = u32::MAX.checked_shr(bits(32)?).unwrap_or(0);
            let first = u32::from(base) & !size;
            (Ipv4Addr::from(first).into(), Ipv4Addr::from(first | size).into())
        }
        IpAddr::V6(base) => {
            let size = u128::MAX.checked_shr(bits(128)?).unwrap_or(0);
            let first = u128::from(base) & !size;
            (Ipv6Addr::from(first).into(), Ipv6Addr::from(first | size).into())
        }
    })
}

/// Addresses by which ranges can be told apart: those at and beyond the edges of each, of which only
/// [public](is_public_address) ones are kept, and one of each kind of address beside. A text that is no
/// range adds none.
pub fn telling_addresses(ranges: &[String]) -> Vec<String> {
    let edges = ranges.iter().filter_map(|range| ends_of_range(range)).flat_map(|(first, last)| {
        let beyond = [step(first, false), step(last, true)];
        [first, last].into_iter().chain(beyond.into_iter().flatten())
    });
    let public = edges.filter(|address| is_public_address(*address)).map(|address| address.to_string());
    ["52.0.0.1", "2600:1f00::1"].map(str::to_owned).into_iter().chain(public).collect()
}

/// The next address, or the one before.
fn step(address: IpAddr, up: bool) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let bits = u32::from(address);
            let next = if up { bits.checked_add(1) } else { bits.checked_sub(1) };
            next.map(|bits| Ipv4Addr::from(bits).into())
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            let next = if up { bits.checked_add(1) } else { bits.checked_sub(1) };
            next.map(|bits| Ipv6Addr::from(bits).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(range: &str) -> Vec<String> {
        telling_addresses(&[range.to_owned()]).split_off(2)
    }

    #[test]
    fn a_range_is_told_by_the_public_addresses_at_its_edges() {
        assert_eq!(telling("52.94.0.0/16"), ["52.94.0.0", "52.94.255.255", "52.93.255.255", "52.95.0.0"]);
        assert_eq!(telling("8.8.8.8"), ["8.8.8.8", "8.8.8.8", "8.8.8.7", "8.8.8.9"]);
        assert_eq!(telling("10.0.0.0/8"), ["9.255.255.255", "11.0.0.0"]);
        assert_eq!(telling("0.0.0.0/0"), [""; 0]);
        assert_eq!(telling("fd00::/8"), [""; 0]);
        assert_eq!(telling("2600:1f00::/24").len(), 4);
    }

    #[test]
    fn what_is_no_range_has_no_ends() {
        for text in ["", "10.0.0.0/33", "10.*", "vpce-1", "10.0.0.0/x"] {
            assert_eq!(ends_of_range(text), None, "{text}");
        }
    }

    #[test]
    fn private_and_documentation_networks_are_not_public() {
        for text in
            ["10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "203.0.113.7", "fd00::1", "2001:db8::1"]
        {
            assert!(!is_public_address(text.parse().unwrap()), "{text}");
        }
        for text in ["52.0.0.1", "198.18.0.1", "2600:1f00::1", "2001:2::1"] {
            assert!(is_public_address(text.parse().unwrap()), "{text}");
        }
    }
}
