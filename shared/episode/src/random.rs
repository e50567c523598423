//! Numbers that look random and come back from the same seed for ever.
//!
//! `ChaCha8` is specified to the bit and its crate promises to keep it; what is drawn from it is written here, because the
//! distributions of other crates change with their versions. No logarithm is taken: its last bit is the platform's.

use chrono::TimeDelta;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// A source of numbers; a clone goes on from the same place.
#[derive(Clone, Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// The numbers of one mailbox of one fleet, which depend on no other mailbox.
    pub(crate) fn of(seed: u64, index: u64) -> Self {
        let bytes = seed.to_le_bytes();
        let mut key = bytes.iter().copied().cycle();
        let mut numbers = ChaCha8Rng::from_seed(std::array::from_fn(|_| key.next().unwrap_or_default()));
        numbers.set_stream(index);
        Self(numbers)
    }

    /// Another source, so that what is drawn from it does not move what is drawn from this one later.
    pub(crate) fn branch(&mut self) -> Self {
        Self::of(self.0.next_u64(), 0)
    }

    /// From 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From 0 up to, not including, `end`; 0 when there is nothing below it.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        u32::try_from((u64::from(self.0.next_u32()) * u64::from(end)) >> 32).unwrap_or_default()
    }

    /// From `low` up to and including `high`.
    pub(crate) fn range(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub(crate) fn byte(&mut self, low: u8, high: u8) -> u8 {
        u8::try_from(self.range(u32::from(low), u32::from(high))).unwrap_or(high)
    }

    /// One of them, `None` when there is none.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(usize::try_from(self.below(u32::try_from(all.len()).unwrap_or(u32::MAX))).unwrap_or_default())
    }

    /// One of the words, "" when there is none.
    pub(crate) fn word<'a>(&mut self, all: &[&'a str]) -> &'a str {
        self.pick(all).copied().unwrap_or_default()
    }

    /// Each with its probability; what they leave is `otherwise`'s.
    pub(crate) fn choose<T: Copy>(&mut self, some: &[(f64, T)], otherwise: T) -> T {
        let mut at = self.unit();
        for (probability, one) in some {
            if at < *probability {
                return *one;
            }
            at -= probability;
        }
        otherwise
    }

    /// Exponential with mean 1, by von Neumann's comparison of uniform numbers.
    fn exponential(&mut self) -> f64 {
        let mut whole = 0.0;
        loop {
            let first = self.unit();
            let (mut last, mut is_odd) = (first, true);
            loop {
                let next = self.unit();
                if next > last {
                    break;
                }
                (last, is_odd) = (next, !is_odd);
            }
            if is_odd {
                return whole + first;
            }
            whole += 1.0;
        }
    }

    /// How many events with this mean happen.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        let (mut count, mut at) = (0, self.exponential());
        while at < mean {
            count += 1;
            at += self.exponential();
        }
        count
    }

    /// A waiting time with this mean, memoryless.
    pub(crate) fn wait(&mut self, mean: TimeDelta) -> TimeDelta {
        stretched(mean, self.exponential())
    }

    /// A time from `low` to `high` seconds, in whole ones: no mail says more.
    pub(crate) fn seconds(&mut self, low: u32, high: u32) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.range(low, high)))
    }

    /// So many characters of this alphabet.
    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..length).map(|_| self.pick(alphabet).map_or('0', |byte| char::from(*byte))).collect()
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text("0123456789abcdef", length)
    }

    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.text("123456789", 1) + &self.text("0123456789", length.saturating_sub(1))
    }

    /// In the form of a version 4 UUID, lower case.
    pub(crate) fn uuid(&mut self) -> String {
        let variant = self.text("89ab", 1);
        format!("{}-{}-4{}-{variant}{}-{}", self.hex(8), self.hex(4), self.hex(3), self.hex(3), self.hex(12))
    }

    /// In the form of so many bytes as base64, without padding.
    pub(crate) fn base64(&mut self, length: usize) -> String {
        self.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", length)
    }
}

/// So many times as long, to the millisecond.
pub(crate) fn stretched(time: TimeDelta, by: f64) -> TimeDelta {
    let seconds = time.to_std().unwrap_or_default().as_secs_f64() * by;
    let whole = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    TimeDelta::milliseconds(i64::try_from(whole.as_millis()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_these_numbers_for_ever() {
        let mut random = Random::of(7, 3);
        assert_eq!([random.below(1000), random.below(1000), random.below(1000)], FIRST);
        assert_eq!(Random::of(7, 3).hex(8), Random::of(7, 3).hex(8));
        assert_ne!(Random::of(7, 3).hex(8), Random::of(7, 4).hex(8));
        assert_ne!(Random::of(7, 3).hex(8), Random::of(8, 3).hex(8));
    }

    /// Noted once; a change of it would change every fleet.
    const FIRST: [u32; 3] = [236, 51, 338];

    #[test]
    fn waits_and_counts_have_their_means() {
        let mut random = Random::of(1, 1);
        let waited: TimeDelta = (0..20_000).map(|_| random.wait(TimeDelta::seconds(60))).sum();
        assert!((59 * 20_000..61 * 20_000).contains(&waited.num_seconds()), "{waited}");
        let counted: u32 = (0..20_000).map(|_| random.poisson(4.0)).sum();
        assert!((79_000..81_000).contains(&counted), "{counted}");
    }

    #[test]
    fn choices_have_their_shares() {
        let mut random = Random::of(1, 2);
        let rare = (0..10_000).filter(|_| random.choose(&[(0.1, true), (0.5, false)], false)).count();
        assert!((900..1_100).contains(&rare), "{rare}");
        assert_eq!((random.below(0), random.range(5, 5), random.word(&[])), (0, 5, ""));
    }
}
