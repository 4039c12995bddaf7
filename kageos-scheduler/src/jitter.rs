//! Jitter: a delay that looks random and is always the same for the same occurrence.

use kageos_core::Timestamp;

use crate::zone::MICROS;

/// When the occurrence `nominal` of a task is to run: never before it, and less than so many seconds after it.
pub(crate) fn planned(task: &str, seconds: u32, nominal: Timestamp) -> Timestamp {
    let spread = u128::from(mix(fnv(task.as_bytes()) ^ mix(nominal.as_micros().cast_unsigned())));
    // The high half of the product lies evenly below the bound.
    let later = (spread * u128::from(u64::from(seconds) * MICROS.unsigned_abs())) >> 64;
    nominal.plus(std::time::Duration::from_micros(u64::try_from(later).unwrap_or(0)))
}

/// FNV-1a, 64 bits. The values stand in rows: they may never change.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The finaliser of SplitMix64: each bit of the input moves half of the output.
fn mix(input: u64) -> u64 {
    let stepped = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let once = (stepped ^ (stepped >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_that_rows_hold_do_not_change() {
        let nominal = Timestamp::from_micros(1_772_355_600_000_000);
        let later = |task, seconds| planned(task, seconds, nominal).since(nominal).as_micros();
        assert_eq!(later("a", 0), 0);
        assert_eq!((later("a", 60), later("b", 60), later("a", 3600)), (17_989_248, 790_785, 1_079_354_881));
    }

    #[test]
    fn it_spreads_evenly_below_its_bound() {
        let mut tenths = [0_u32; 10];
        for minute in 0..10_000 {
            let nominal = Timestamp::from_micros(minute * 60 * MICROS);
            let later = planned("01jqz", 10, nominal).since(nominal);
            assert!(later.as_secs() < 10);
            tenths[usize::try_from(later.as_secs()).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1100).contains(count)), "{tenths:?}");
    }
}
