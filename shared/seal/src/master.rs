//! The master key: whoever has it has every secret.

use std::path::{Path, PathBuf};

use daimon_domain::id::MspId;
use zeroize::Zeroizing;

use crate::envelope::{Aad, DataKey, SealError, derive, key_id};
use crate::hash::KeyedHash;

/// The key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// It can't be read.
    #[error("the master key file {} can't be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not keys.
    #[error("a master key file has 64 hexadecimal digits a line (openssl rand -hex 32), and at least one line")]
    Malformed,
}

/// The keys of the key file, the current one first.
#[derive(Clone)]
pub struct MasterKey {
    current: DataKey,
    older: Vec<DataKey>,
}

impl MasterKey {
    /// Reads the key file.
    pub fn from_hex_file(path: &Path) -> Result<Self, MasterKeyError> {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|source| MasterKeyError::Unreadable { path: path.to_owned(), source })?;
        Self::from_hex(&text)
    }

    /// Keys as in the key file: 64 hexadecimal digits each, one a line, the current one first.
    pub fn from_hex(text: &str) -> Result<Self, MasterKeyError> {
        let mut keys = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| unhex(line).ok_or(MasterKeyError::Malformed));
        let current = keys.next().ok_or(MasterKeyError::Malformed)??;
        let older = keys.collect::<Result<_, _>>()?;
        Ok(Self { current, older })
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &DataKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// Seals a secret that belongs to no tenant.
    pub fn seal(&self, aad: &Aad, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.current.seal(aad, plain)
    }

    /// Opens what any key of the file sealed.
    pub fn open(&self, aad: &Aad, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let id = key_id(sealed)?;
        self.keys().find(|key| key.id() == id).ok_or(SealError::UnknownKey)?.open(aad, sealed)
    }

    /// Seals a tenant's data key.
    pub fn wrap(&self, key: &DataKey, aad: &Aad) -> Result<Vec<u8>, SealError> {
        self.seal(aad, key.as_bytes())
    }

    /// Opens a tenant's data key.
    pub fn unwrap(&self, sealed: &[u8], aad: &Aad) -> Result<DataKey, SealError> {
        DataKey::from_bytes(&self.open(aad, sealed)?).ok_or(SealError::Damaged)
    }

    /// Whether the current key sealed it. If not, it should be sealed again before the old key goes.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        key_id(sealed) == Ok(self.current.id())
    }

    /// The keyed hash of one MSP. It follows from the last key of the file, so that rotation forgets nothing.
    pub fn keyed_hash(&self, msp: MspId) -> KeyedHash {
        let key = self.keys().next_back().unwrap_or(&self.current);
        KeyedHash::new(derive(key, &[b"keyed hash", msp.as_uuid().as_bytes()]).as_slice())
    }
}

fn unhex(text: &str) -> Option<DataKey> {
    if text.len() != 64 {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    for (to, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        *to = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    }
    DataKey::from_bytes(bytes.as_slice())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use daimon_domain::id::TenantId;

    use super::*;

    fn line(digit: char) -> String {
        std::iter::repeat_n(digit, 64).collect()
    }

    #[test]
    fn rotation_opens_the_old_and_seals_with_the_new() {
        let (entropy, at) = (SeededEntropy::new(1), DateTime::UNIX_EPOCH);
        let (msp, tenant) = (MspId::new(at, &entropy), TenantId::new(at, &entropy));
        let aad = Aad::tenant_key(msp, tenant);
        let old = MasterKey::from_hex(&line('a')).ok().unwrap();
        let both = MasterKey::from_hex(&format!("{}\n{}\n", line('B'), line('a'))).ok().unwrap();
        let new = MasterKey::from_hex(&line('b')).ok().unwrap();

        let data_key = DataKey::generate(&entropy);
        let wrapped = old.wrap(&data_key, &aad).unwrap();
        let opened = both.unwrap(&wrapped, &aad).ok().unwrap();
        assert_eq!(opened.as_bytes(), data_key.as_bytes());
        assert!(!both.is_current(&wrapped));
        assert_eq!(new.unwrap(&wrapped, &aad).err(), Some(SealError::UnknownKey));

        let again = both.wrap(&opened, &aad).unwrap();
        assert!(both.is_current(&again));
        assert!(new.unwrap(&again, &aad).is_ok());
        assert_eq!(both.keyed_hash(msp).hash(&[b"x"]), old.keyed_hash(msp).hash(&[b"x"]));
    }

    #[test]
    fn each_msp_has_its_own_hashes() {
        let (entropy, at) = (SeededEntropy::new(1), DateTime::UNIX_EPOCH);
        let master = MasterKey::from_hex(&line('a')).ok().unwrap();
        let (one, two) = (MspId::new(at, &entropy), MspId::new(at, &entropy));
        assert_ne!(master.keyed_hash(one).hash(&[b"x"]), master.keyed_hash(two).hash(&[b"x"]));
    }

    #[test]
    fn what_is_no_key_file_is_refused_without_quoting_it() {
        for text in ["", "\n", "abc", &line('g'), line('a').get(1..).unwrap(), &format!("{}\nabc", line('a'))] {
            let error = MasterKey::from_hex(text).err().unwrap();
            assert!(matches!(error, MasterKeyError::Malformed));
        }
        assert!(matches!(
            MasterKey::from_hex_file(Path::new("/nonexistent/key")).err(),
            Some(MasterKeyError::Unreadable { .. })
        ));
    }
}
