//! DNS as the test says: a line for each record, `NAME TYPE VALUE`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::dns::{Dns, Unavailable};

pub(crate) struct Zone {
    records: HashMap<(String, String), Vec<String>>,
    asked: AtomicUsize,
}

impl Zone {
    pub(crate) fn of(text: &str) -> Self {
        let mut records: HashMap<_, Vec<_>> = HashMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, rest) = line.split_once(' ').unwrap();
            let (kind, value) = rest.split_once(' ').unwrap_or((rest, ""));
            records.entry((name.to_owned(), kind.to_owned())).or_default().push(value.to_owned());
        }
        Self { records, asked: AtomicUsize::new(0) }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn find(&self, name: &str, kind: &'static str) -> Result<Vec<String>, Unavailable> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let at = |kind: &str| self.records.get(&(name.to_ascii_lowercase(), kind.to_owned())).cloned();
        if at("SILENT").is_some() { Err(Unavailable(kind)) } else { Ok(at(kind).unwrap_or_default()) }
    }
}

impl Dns for Zone {
    async fn txt(&self, name: &str) -> Result<Vec<String>, Unavailable> {
        self.find(name, "TXT")
    }

    async fn mx(&self, name: &str) -> Result<Vec<String>, Unavailable> {
        self.find(name, "MX")
    }

    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Unavailable> {
        Ok(self.find(name, "A")?.iter().map(|ip| ip.parse().unwrap()).collect())
    }
}

/// What comes of something that never waits.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("a zone answers at once")
}
