//! SHA-256 of several messages at a time, on one core.
//!
//! Every round of SHA-256 needs the result of the one before, so a core that works on one message waits for most of the time. Several messages
//! beside each other fill these waits. FIPS 180-4 describes the algorithm.

use faultline_contract::Digest;
use sha2::block_api::compress256;

/// The most messages that are worked on at a time: with more, a core has not enough registers.
pub(crate) const LANES: usize = 4;

/// What SHA-256 takes at once.
pub(crate) const BLOCK_BYTES: usize = 64;

pub(crate) type Block = [u8; BLOCK_BYTES];

/// What SHA-256 keeps of a message between its blocks.
pub(crate) type State = [u32; 8];

/// The state before the first block.
pub(crate) const START: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Takes the next blocks of each message, which are equally many.
pub(crate) fn compress<const N: usize>(states: &mut [State; N], blocks: [&[Block]; N]) {
    #[cfg(target_arch = "x86_64")]
    if N > 1 && x86::is_here() {
        #[expect(unsafe_code, reason = "instructions that not every processor has")]
        // SAFETY: this one has them.
        unsafe {
            x86::compress(states, blocks);
        }
        return;
    }
    for (state, blocks) in states.iter_mut().zip(blocks) {
        compress256(state, blocks);
    }
}

/// The digest of a message of `bytes` bytes, of which `rest` is what is left after its last block.
pub(crate) fn finish(mut state: State, rest: &[u8], bytes: u64) -> Digest {
    /// The message ends with its length.
    const LENGTH_BYTES: usize = size_of::<u64>();
    let mut padded = rest.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + LENGTH_BYTES).next_multiple_of(BLOCK_BYTES) - LENGTH_BYTES, 0);
    padded.extend((bytes * 8).to_be_bytes());
    compress256(&mut state, padded.as_chunks().0);
    let mut digest = [0; size_of::<State>()];
    for (place, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
    Digest::from(digest)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x, _mm_setzero_si128,
        _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
    };

    use super::{Block, State};

    /// The constants of four rounds each.
    const ROUNDS: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];

    pub(super) fn is_here() -> bool {
        is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3")
    }

    /// The steps of all messages alternate, so that none of them waits for its own last one.
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn compress<const N: usize>(states: &mut [State; N], blocks: [&[Block]; N]) {
        let mut halves = states.map(|state| halves_of(state));
        let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
        for index in 0..count {
            let before = halves;
            // A closure would be called.
            let mut words = [[_mm_setzero_si128(); 4]; N];
            for (words, blocks) in words.iter_mut().zip(&blocks) {
                *words = words_of(&blocks[index]);
            }
            for (round, constants) in ROUNDS.iter().enumerate() {
                let constants = vector(constants.map(u32::cast_signed));
                for (words, halves) in words.iter_mut().zip(&mut halves) {
                    four_rounds(round, constants, words, halves);
                }
            }
            for (half, before) in halves.as_flattened_mut().iter_mut().zip(before.as_flattened()) {
                *half = _mm_add_epi32(*half, *before);
            }
        }
        *states = halves.map(|halves| state_of(halves));
    }

    /// Four rounds of one message, whose words become those of sixteen rounds later.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn four_rounds(round: usize, constants: __m128i, words: &mut [__m128i; 4], [abef, cdgh]: &mut [__m128i; 2]) {
        let at = |ahead: usize| (round + ahead) % 4;
        if round >= 4 {
            let early = _mm_sha256msg1_epu32(words[at(0)], words[at(1)]);
            let early = _mm_add_epi32(early, _mm_alignr_epi8::<4>(words[at(3)], words[at(2)]));
            words[at(0)] = _mm_sha256msg2_epu32(early, words[at(3)]);
        }
        let added = _mm_add_epi32(words[at(0)], constants);
        *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, added);
        *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32::<0b1110>(added));
    }

    /// The state as the instructions have it: its words a, b, e and f, and the others.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn halves_of(state: State) -> [__m128i; 2] {
        [[5, 4, 1, 0], [7, 6, 3, 2]].map(|half| vector(half.map(|word: usize| state[word].cast_signed())))
    }

    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn state_of([abef, cdgh]: [__m128i; 2]) -> State {
        let [a, b, e, f] = words(abef);
        let rest = words(cdgh);
        [a, b, rest[0], rest[1], e, f, rest[2], rest[3]]
    }

    /// Four words, the highest first.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn words(vector: __m128i) -> [u32; 4] {
        let words = [
            _mm_extract_epi32::<3>(vector),
            _mm_extract_epi32::<2>(vector),
            _mm_extract_epi32::<1>(vector),
            _mm_extract_epi32::<0>(vector),
        ];
        words.map(i32::cast_unsigned)
    }

    /// The words of a block, which are big-endian in it.
    #[inline]
    #[target_feature(enable = "ssse3")]
    fn words_of(block: &Block) -> [__m128i; 4] {
        let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let mut words = [_mm_setzero_si128(); 4];
        for (words, sixteen) in words.iter_mut().zip(block.as_chunks::<16>().0) {
            let bits = u128::from_le_bytes(*sixteen).cast_signed();
            *words = _mm_shuffle_epi8(_mm_set_epi64x((bits >> 64) as i64, bits as i64), swap);
        }
        words
    }

    /// Four words, the lowest first.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn vector([first, second, third, fourth]: [i32; 4]) -> __m128i {
        _mm_set_epi32(fourth, third, second, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_as_one_by_one<const N: usize>(blocks: &[Block]) {
        let each: [&[Block]; N] = std::array::from_fn(|lane| &blocks[lane..][..blocks.len() - LANES]);
        let starts = std::array::from_fn(|lane| START.map(|word| word.wrapping_mul(2 * lane as u32 + 1)));
        let (mut states, mut expected) = (starts, starts);
        compress(&mut states, each);
        expected.iter_mut().zip(each).for_each(|(state, blocks)| compress256(state, blocks));
        assert_eq!(states, expected, "{N}");
    }

    proptest! {
        #[test]
        fn messages_do_not_touch_each_other(
            blocks in prop::collection::vec(prop::array::uniform32(any::<u16>()), LANES..LANES + 9),
        ) {
            let bytes = |halves: [u16; 32]| -> Block {
                std::array::from_fn(|at| halves[at / 2].to_le_bytes()[at % 2])
            };
            let blocks: Vec<Block> = blocks.into_iter().map(bytes).collect();
            is_as_one_by_one::<2>(&blocks);
            is_as_one_by_one::<3>(&blocks);
            is_as_one_by_one::<LANES>(&blocks);
        }
    }

    #[test]
    fn a_digest_is_sha256_whatever_is_left_after_the_last_block() {
        for length in 0..3 * BLOCK_BYTES {
            let content: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let (blocks, rest) = content.as_chunks();
            let mut states = [START];
            compress(&mut states, [blocks]);
            assert_eq!(finish(states[0], rest, length as u64), Digest::of(&content), "{length}");
        }
    }
}
