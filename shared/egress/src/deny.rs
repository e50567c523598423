//! Which addresses are nobody's business.
//!
//! IPv4 is a list of what is forbidden: the IANA special-purpose registry, multicast, and one cloud's metadata service
//! that sits at a public address. IPv6 is the other way round: only global unicast space (`2000::/3`) is considered at
//! all, and what is special inside it is taken out. So mapped, compatible, translated (NAT64), unique local,
//! link-local, site-local and multicast addresses need no rule of their own, whatever IPv4 address they carry. The
//! dresses that live inside global space (6to4, Teredo, ISATAP) are refused altogether: nobody's mail server has one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, third: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), prefix)
}

const FORBIDDEN_V4: [Ipv4Net; 20] = [
    v4(0, 0, 0, 0, 8),          // "this network", RFC 791
    v4(10, 0, 0, 0, 8),         // private, RFC 1918
    v4(100, 64, 0, 0, 10),      // carrier-grade NAT, RFC 6598
    v4(127, 0, 0, 0, 8),        // loopback, RFC 1122
    v4(168, 63, 129, 16, 32),   // Azure's host agent, from within a virtual machine
    v4(169, 254, 0, 0, 16),     // link-local, RFC 3927; cloud metadata
    v4(172, 16, 0, 0, 12),      // private, RFC 1918
    v4(192, 0, 0, 0, 24),       // protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),       // documentation, RFC 5737
    v4(192, 31, 196, 0, 24),    // AS112, RFC 7535
    v4(192, 52, 193, 0, 24),    // AMT, RFC 7450
    v4(192, 88, 99, 0, 24),     // 6to4 relays, RFC 7526
    v4(192, 168, 0, 0, 16),     // private, RFC 1918
    v4(192, 175, 48, 0, 24),    // AS112, RFC 7534
    v4(198, 18, 0, 0, 15),      // benchmarks, RFC 2544
    v4(198, 51, 100, 0, 24),    // documentation, RFC 5737
    v4(203, 0, 113, 0, 24),     // documentation, RFC 5737
    v4(224, 0, 0, 0, 4),        // multicast, RFC 5771
    v4(240, 0, 0, 0, 4),        // reserved, RFC 1112
    v4(255, 255, 255, 255, 32), // broadcast, RFC 919
];

const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

const FORBIDDEN_GLOBAL_V6: [Ipv6Net; 5] = [
    v6(0x2001, 0, 0, 23),           // protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID …
    v6(0x2001, 0x0db8, 0, 32),      // documentation, RFC 3849
    v6(0x2002, 0, 0, 16),           // 6to4, RFC 3056
    v6(0x2620, 0x004f, 0x8000, 48), // AS112, RFC 7534
    v6(0x3fff, 0, 0, 20),           // documentation, RFC 9637
];

/// Whether nobody outside has any business there.
pub fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => FORBIDDEN_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            !GLOBAL_V6.contains(&address)
                || FORBIDDEN_GLOBAL_V6.iter().any(|net| net.contains(&address))
                || is_isatap(address)
        }
    }
}

/// The interface id is `[0200:]0000:5efe` and an IPv4 address, under any prefix (RFC 5214, 6.1).
fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [_, _, _, _, 0 | 0x0200, 0x5efe, _, _])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORBIDDEN: &[&str] = &[
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.20.30.40",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.0.0.53",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.255.255",
        "172.16.0.0",
        "172.17.0.1",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.9",
        "192.0.0.170",
        "192.0.0.192",
        "192.0.2.1",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.1.1",
        "192.168.255.255",
        "192.175.48.1",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "254.1.2.3",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1:ffff::1",
        "100::1",
        "100:0:0:1::1",
        "2001::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:1::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:808:808::1",
        "2620:4f:8000::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "2a00:1450:4001::5efe:7f00:1",
        "2a00:1450:4001::200:5efe:a00:1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ff0e::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];

    const PUBLIC: &[&str] = &[
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001:810::200e",
        "3ffe::1",
    ];

    #[test]
    fn the_table_holds() {
        assert!(FORBIDDEN.len() >= 80);
        for text in FORBIDDEN {
            assert!(is_forbidden(text.parse().unwrap()), "{text} must be refused");
        }
        for text in PUBLIC {
            assert!(!is_forbidden(text.parse().unwrap()), "{text} must be reachable");
        }
    }

    /// The IPv4 address in every dress that IPv6 has for it.
    fn dresses(address: Ipv4Addr) -> Vec<Ipv6Addr> {
        let [a, b, c, d] = address.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        vec![
            address.to_ipv6_mapped(),
            address.to_ipv6_compatible(),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0xabcd, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, 0x0808, 0x0808, 0, 0, !high, !low),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0xf7f7, 0xf7f7),
            Ipv6Addr::new(0x2a00, 0x1450, 1, 1, 0, 0x5efe, high, low),
            Ipv6Addr::new(0x2a00, 0x1450, 1, 1, 0x0200, 0x5efe, high, low),
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, high, low),
        ]
    }

    proptest! {
        #[test]
        fn a_forbidden_ipv4_address_is_refused_in_every_ipv6_dress(
            net in proptest::sample::select(FORBIDDEN_V4.to_vec()),
            host in any::<u32>(),
        ) {
            let address = Ipv4Addr::from(u32::from(net.network()) | (host & u32::from(net.hostmask())));
            prop_assert!(is_forbidden(address.into()), "{}", address);
            for dressed in dresses(address) {
                prop_assert!(is_forbidden(dressed.into()), "{} as {}", address, dressed);
            }
        }

        #[test]
        fn what_the_standard_library_calls_local_is_refused(bits in any::<u32>()) {
            let address = Ipv4Addr::from(bits);
            let is_local = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation()
                || address.is_unspecified();
            prop_assert!(!is_local || is_forbidden(address.into()), "{}", address);
        }
    }
}
