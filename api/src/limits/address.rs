//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;

/// Who is between us and the client is told by each proxy, at the end of this header.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's network, as far as it can be told: behind `hops` proxies of our own, what the outermost of them saw.
pub(super) fn of(request: &HttpRequest, hops: u8) -> Option<String> {
    let peer = request.peer_addr()?.ip();
    let values = request.headers().get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    let told: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    Some(network(seen(peer, &told, hops)))
}

/// Each proxy adds whom it saw. What stands before that was written by whoever asked, and is believed by nobody.
fn seen(peer: IpAddr, told: &[&str], hops: u8) -> IpAddr {
    if hops == 0 {
        return peer;
    }
    let at = told.len().checked_sub(usize::from(hops));
    at.and_then(|at| told.get(at)?.parse().ok()).unwrap_or(peer)
}

/// One client has a whole /64 of IPv6.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
            format!("{network}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_our_own_proxies_have_written_is_believed() {
        let peer = address("10.0.0.1");
        let told = ["203.0.113.9", "198.51.100.7", "10.0.0.2"];
        assert_eq!(seen(peer, &told, 0), peer);
        assert_eq!(seen(peer, &told, 1), address("10.0.0.2"));
        assert_eq!(seen(peer, &told, 2), address("198.51.100.7"));
        assert_eq!(seen(peer, &["203.0.113.9"], 2), peer, "it did not come through both");
        assert_eq!(seen(peer, &["nonsense"], 1), peer);
    }

    #[test]
    fn an_ipv6_client_is_its_network_and_a_mapped_address_is_ipv4() {
        assert_eq!(network(address("2001:db8:1:2:3:4:5:6")), network(address("2001:db8:1:2::9")));
        assert_ne!(network(address("2001:db8:1:2::9")), network(address("2001:db8:1:3::9")));
        assert_eq!(network(address("::ffff:192.0.2.1")), "192.0.2.1");
    }
}
