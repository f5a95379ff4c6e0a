//! Lists of items as bytes: a version, then the items one after the other.
//!
//! A ranked list has, per item, its id as a zigzag varint and its score as a little-endian `f32`:
//! about 6 bytes. A list of ids has the ids alone. The beginning of a list can be read without the
//! rest.

use mlp_core::Ranked;

/// What the bytes start with.
const VERSION: u8 = 1;

/// The most items of a ranked list: more have no result number.
const MAX_RANKED: usize = crate::types::RESULTS_PER_INFERENCE as usize;

/// Bytes that are no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("the list has format `{0}`, not `{VERSION}`")]
    Version(u8),
    #[error("the list ends within an item")]
    Cut,
    #[error("an item's id has more than 64 bits")]
    Wide,
    #[error("the list has more than {MAX_RANKED} items")]
    Long,
}

pub(crate) fn ranked_to_bytes(ranked: &[Ranked]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + ranked.len() * 7);
    bytes.push(VERSION);
    for item in ranked {
        put_id(&mut bytes, item.item_id);
        bytes.extend_from_slice(&item.score.to_le_bytes());
    }
    bytes
}

/// The first `limit` items.
pub(crate) fn ranked_from_bytes(bytes: &[u8], limit: usize) -> Result<Vec<Ranked>, CodecError> {
    let mut rest = after_version(bytes)?;
    let mut ranked = Vec::with_capacity(limit.min(bytes.len() / 5));
    while ranked.len() < limit && !rest.is_empty() {
        if ranked.len() == MAX_RANKED {
            return Err(CodecError::Long);
        }
        let item_id = take_id(&mut rest)?;
        let (score, after) = rest.split_first_chunk().ok_or(CodecError::Cut)?;
        rest = after;
        let score = f32::from_le_bytes(*score);
        ranked.push(Ranked { item_id, score });
    }
    Ok(ranked)
}

pub(crate) fn ids_to_bytes(ids: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + ids.len() * 3);
    bytes.push(VERSION);
    ids.iter().for_each(|id| put_id(&mut bytes, *id));
    bytes
}

pub(crate) fn ids_from_bytes(bytes: &[u8]) -> Result<Vec<i64>, CodecError> {
    let mut rest = after_version(bytes)?;
    let mut ids = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        ids.push(take_id(&mut rest)?);
    }
    Ok(ids)
}

fn after_version(bytes: &[u8]) -> Result<&[u8], CodecError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((&other, _)) => Err(CodecError::Version(other)),
        None => Err(CodecError::Cut),
    }
}

fn put_id(bytes: &mut Vec<u8>, id: i64) {
    let mut left = ((id << 1) ^ (id >> 63)) as u64;
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

fn take_id(rest: &mut &[u8]) -> Result<i64, CodecError> {
    let mut zigzag = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(CodecError::Cut)?;
        *rest = after;
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if shift == 63 && part > 1 {
            return Err(CodecError::Wide);
        }
        zigzag |= part << shift;
        if byte < 0x80 {
            return Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
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
        let item = (id, -1e6_f32..1e6).prop_map(|(item_id, score)| Ranked { item_id, score });
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
                bytes[0] = VERSION;
            }
            if let Ok(list) = ranked_from_bytes(&bytes, usize::MAX) {
                prop_assert!(list.len() <= bytes.len() / 5);
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
        assert_eq!(of(&[&[1][..], &[0xff; 12]].concat()), CodecError::Wide);
        assert_eq!(of(&[&[1][..], &[0xff; 9], &[2]].concat()), CodecError::Wide);
    }

    #[test]
    fn a_list_of_a_hundred_takes_about_six_bytes_an_item() {
        let list: Vec<Ranked> = (0..100)
            .map(|item_id| Ranked {
                item_id,
                score: 0.5,
            })
            .collect();
        assert!(ranked_to_bytes(&list).len() <= 601);
    }
}
