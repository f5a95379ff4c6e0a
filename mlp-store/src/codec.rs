//! Lists of items as bytes: a version, then the items one after the other.
//!
//! A ranked list has, per item, its id as a varint and by how much the bits of its score, an `f32`,
//! differ from those of the score before (0 for the first), as a zigzag varint: under 5 bytes, since
//! scores that follow each other are near each other and those of positive numbers are ordered as
//! their bits. A list of ids has the ids alone, as zigzag varints. The beginning of a list can be read
//! without the rest.
//!
//! The first version, which is still read, had ranked ids as zigzag varints and scores whole.

use mlp_core::Ranked;

/// What a list of ids starts with, and a ranked list of the first version.
const FIRST: u8 = 1;

/// What a ranked list starts with.
const RANKED: u8 = 2;

/// The most items of a ranked list: more have no result number.
const MAX_RANKED: usize = crate::types::RESULTS_PER_INFERENCE as usize;

/// Bytes that are no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("the list has format `{0}`, which this program does not know")]
    Version(u8),
    #[error("the list ends within an item")]
    Cut,
    #[error("an item's id or score has too many bits")]
    Wide,
    #[error("the list has more than {MAX_RANKED} items")]
    Long,
}

pub(crate) fn ranked_to_bytes(ranked: &[Ranked]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + ranked.len() * 6);
    bytes.push(RANKED);
    let mut before = 0_u32;
    for item in ranked {
        put_varint(&mut bytes, item.item_id as u64);
        let bits = item.score.to_bits();
        put_varint(&mut bytes, zigzag(i64::from(bits) - i64::from(before)));
        before = bits;
    }
    bytes
}

/// The first `limit` items.
pub(crate) fn ranked_from_bytes(bytes: &[u8], limit: usize) -> Result<Vec<Ranked>, CodecError> {
    let (version, mut rest) = after_version(bytes)?;
    let mut ranked = Vec::with_capacity(limit.min(bytes.len() / 2));
    let mut bits = 0_u32;
    while ranked.len() < limit && !rest.is_empty() {
        if ranked.len() == MAX_RANKED {
            return Err(CodecError::Long);
        }
        let number = take_varint(&mut rest)?;
        let (item_id, score) = match version {
            FIRST => (unzigzag(number), take_f32(&mut rest)?),
            _ => {
                let difference = unzigzag(take_varint(&mut rest)?);
                let sum = i64::from(bits).checked_add(difference);
                let sum = sum.and_then(|sum| u32::try_from(sum).ok());
                bits = sum.ok_or(CodecError::Wide)?;
                (number as i64, f32::from_bits(bits))
            }
        };
        ranked.push(Ranked { item_id, score });
    }
    Ok(ranked)
}

fn take_f32(rest: &mut &[u8]) -> Result<f32, CodecError> {
    let (score, after) = rest.split_first_chunk().ok_or(CodecError::Cut)?;
    *rest = after;
    Ok(f32::from_le_bytes(*score))
}

pub(crate) fn ids_to_bytes(ids: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + ids.len() * 3);
    bytes.push(FIRST);
    ids.iter()
        .for_each(|id| put_varint(&mut bytes, zigzag(*id)));
    bytes
}

pub(crate) fn ids_from_bytes(bytes: &[u8]) -> Result<Vec<i64>, CodecError> {
    let (version, mut rest) = after_version(bytes)?;
    if version != FIRST {
        return Err(CodecError::Version(version));
    }
    let mut ids = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        ids.push(unzigzag(take_varint(&mut rest)?));
    }
    Ok(ids)
}

fn after_version(bytes: &[u8]) -> Result<(u8, &[u8]), CodecError> {
    match bytes.split_first() {
        Some((&version @ (FIRST | RANKED), rest)) => Ok((version, rest)),
        Some((&other, _)) => Err(CodecError::Version(other)),
        None => Err(CodecError::Cut),
    }
}

/// Numbers near 0, of either sign, as small ones.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(zigzag: u64) -> i64 {
    (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
}

fn put_varint(bytes: &mut Vec<u8>, number: u64) {
    let mut left = number;
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

fn take_varint(rest: &mut &[u8]) -> Result<u64, CodecError> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(CodecError::Cut)?;
        *rest = after;
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if shift == 63 && part > 1 {
            return Err(CodecError::Wide);
        }
        number |= part << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(CodecError::Wide)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list() -> impl Strategy<Value = Vec<Ranked>> {
        let id = prop_oneof![any::<i64>(), 0..1000_i64, Just(i64::MIN), Just(i64::MAX)];
        let item = (
            id,
            any::<u32>()
                .prop_map(f32::from_bits)
                .prop_filter("a number", |x| !x.is_nan()),
        )
            .prop_map(|(item_id, score)| Ranked { item_id, score });
        proptest::collection::vec(item, 0..MAX_RANKED)
    }

    proptest! {
        #[test]
        fn a_ranked_list_comes_back_whole_and_in_part(list in list(), limit in 0..1024_usize) {
            let bytes = ranked_to_bytes(&list);
            prop_assert_eq!(&ranked_from_bytes(&bytes, usize::MAX).unwrap(), &list);
            let part = ranked_from_bytes(&bytes, limit).unwrap();
            prop_assert_eq!(&part[..], &list[..limit.min(list.len())]);
        }

        #[test]
        fn ids_come_back(ids in proptest::collection::vec(any::<i64>(), 0..50)) {
            prop_assert_eq!(ids_from_bytes(&ids_to_bytes(&ids)).unwrap(), ids);
        }

        #[test]
        fn hostile_bytes_are_an_error_or_a_list(mut bytes: Vec<u8>, first: bool) {
            if first && !bytes.is_empty() {
                bytes[0] = if bytes.len() % 2 == 0 { FIRST } else { RANKED };
            }
            if let Ok(list) = ranked_from_bytes(&bytes, usize::MAX) {
                prop_assert!(list.len() <= bytes.len() / 2);
            }
            let _ = ids_from_bytes(&bytes);
        }

        #[test]
        fn a_cut_list_is_an_error_or_a_shorter_list(list in list(), cut in 0..8000_usize) {
            let bytes = ranked_to_bytes(&list);
            let cut = &bytes[..cut.min(bytes.len())];
            if let Ok(part) = ranked_from_bytes(cut, usize::MAX) {
                prop_assert_eq!(&part[..], &list[..part.len()]);
            }
        }
    }

    #[test]
    fn bad_bytes_are_named() {
        let of = |bytes: &[u8]| ranked_from_bytes(bytes, 9).unwrap_err();
        assert_eq!(of(&[]), CodecError::Cut);
        assert_eq!(of(&[7]), CodecError::Version(7));
        assert_eq!(of(&[1, 2, 0, 0]), CodecError::Cut);
        assert_eq!(of(&[2, 2]), CodecError::Cut);
        assert_eq!(of(&[2, 2, 1]), CodecError::Wide);
        assert_eq!(of(&[&[1][..], &[0xff; 12]].concat()), CodecError::Wide);
        assert_eq!(of(&[&[1][..], &[0xff; 9], &[2]].concat()), CodecError::Wide);
    }

    /// The first version, as it was written.
    #[test]
    fn a_list_of_the_first_version_is_still_read() {
        let bytes = [1, 6, 0, 0, 0, 63, 3, 0, 0, 128, 190];
        let list = [(3, 0.5), (-2, -0.25)].map(|(item_id, score)| Ranked { item_id, score });
        assert_eq!(ranked_from_bytes(&bytes, 9).unwrap(), list);
    }

    #[test]
    fn a_list_of_a_hundred_takes_less_than_five_bytes_an_item() {
        let list: Vec<Ranked> = (0..100)
            .map(|rank| Ranked {
                item_id: 1 + (rank * 37) % 210,
                score: 0.4 * 0.97_f32.powi(rank as i32),
            })
            .collect();
        let bytes = ranked_to_bytes(&list);
        assert!(bytes.len() <= 450, "{}", bytes.len());
    }
}
