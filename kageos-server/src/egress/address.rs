//! Which addresses lie outside: those that every network of the Internet reaches, and those that an operator names.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    sync::{Arc, LazyLock},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::network::Network;

/// What is not reached from everywhere: the special-purpose registries of IANA (RFC 6890 and its updates), multicast, and
/// what is reserved.
const SPECIAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    // Protocols of the IETF, Teredo among them, documentation, and 6to4, which leads to addresses of IPv4.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];

/// All that is given out of IPv6 so far.
const GIVEN_OUT: &str = "2000::/3";

/// Where a network translates addresses of IPv4 to (RFC 6052): the last four bytes are one.
const TRANSLATED: &str = "64:ff9b::/96";

struct Table {
    special: Vec<Network>,
    given_out: Option<Network>,
    translated: Option<Network>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table {
    special: SPECIAL.iter().filter_map(|text| text.parse().ok()).collect(),
    given_out: GIVEN_OUT.parse().ok(),
    translated: TRANSLATED.parse().ok(),
});

/// Whether an address is one of the public Internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    let (table, address) = (&*TABLE, address.to_canonical());
    let within = |network: &Option<Network>| network.is_some_and(|network| network.contains(address));
    if let IpAddr::V6(v6) = address {
        if within(&table.translated) {
            let [.., a, b, c, d] = v6.octets();
            return is_public(Ipv4Addr::new(a, b, c, d).into());
        }
        if !within(&table.given_out) {
            return false;
        }
    }
    !table.special.iter().any(|network| network.contains(address))
}

/// Which addresses requests may go to.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// Those that an operator names.
    pub(super) networks: Arc<[Network]>,
    /// Whether those of the public Internet too.
    pub(super) public: bool,
    /// Names that may be looked up at a time.
    pub(super) lookups: Arc<Semaphore>,
}

/// A name leads nowhere that is reached.
#[derive(Debug, thiserror::Error)]
#[error("no address of this name is one that apps may reach")]
pub(super) struct NotReached;

impl Reach {
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let named = self.networks.iter().any(|network| network.contains(address));
        named || (self.public && is_public(address))
    }
}

impl Resolve for Reach {
    /// Only what may be reached comes out, so what was looked at is what is connected to.
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            // The system is not told when nobody waits any more, so a lookup keeps its place until it has ended.
            let place = Arc::clone(&reach.lookups).acquire_owned().await?;
            let looking = tokio::task::spawn_blocking(move || {
                let _place = place;
                (name.as_str(), 0).to_socket_addrs()
            });
            let found = looking.await??;
            let reached: Vec<SocketAddr> = found.filter(|address| reach.has(address.ip())).collect();
            if reached.is_empty() {
                return Err(NotReached.into());
            }
            Ok(Box::new(reached.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        assert_eq!(TABLE.special.len(), SPECIAL.len());
        assert!(TABLE.given_out.is_some() && TABLE.translated.is_some());
        for text in [
            "1.1.1.1",
            "9.9.9.9",
            "100.63.255.255",
            "172.15.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
        ] {
            assert!(public(text) && public(&format!("::ffff:{text}")), "{text}");
        }
        for text in ["2606:4700::1111", "2a00:1450::1", "64:ff9b::1.1.1.1"] {
            assert!(public(text), "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!public(text) && !public(&format!("::ffff:{text}")), "{text}");
        }
        for text in [
            "::",
            "::1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
            "fec0::1",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn named_networks_are_reached_too() {
        let networks: Arc<[Network]> = vec!["10.1.0.0/16".parse().unwrap()].into();
        let lookups = Arc::new(Semaphore::new(1));
        let reach = |public| Reach { networks: Arc::clone(&networks), public, lookups: Arc::clone(&lookups) };
        let has = |public: bool, text: &str| reach(public).has(text.parse().unwrap());
        assert!(has(true, "10.1.2.3") && has(true, "1.1.1.1") && !has(true, "10.2.0.1"));
        assert!(has(false, "10.1.2.3") && has(false, "::ffff:10.1.2.3") && !has(false, "1.1.1.1"));
    }
}
