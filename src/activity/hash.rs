//! A hash that is the same everywhere and for ever: it is stored, and other programs may compute it.

use md5::{Digest, Md5};

/// The first 8 bytes of the MD5 of a text, or of other bytes, as a big-endian number.
pub fn hash(text: impl AsRef<[u8]>) -> u64 {
    let digest = Md5::digest(text);
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_beginning_of_the_md5() {
        assert_eq!(super::hash("abc"), 0x9001_5098_3cd2_4fb0);
    }
}
