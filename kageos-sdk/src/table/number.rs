//! Decimals as scaled integers.

/// Why a text is no number of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// Not digits with at most one point.
    Shape,
    /// More decimal places than the field has.
    Places,
    /// Beyond 64 bits.
    Overflow,
}

/// The decimal `text` in units of its last place: `"12.5"` with scale 2 is 1250.
pub(crate) fn parse_scaled(text: &str, scale: u32) -> Result<i64, NumberError> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(NumberError::Shape);
    }
    let scale = scale as usize;
    let (kept, rest) = fraction.split_at(fraction.len().min(scale));
    if rest.bytes().any(|byte| byte != b'0') {
        return Err(NumberError::Places);
    }
    let padding = std::iter::repeat_n(b'0', scale - kept.len());
    let mut number = 0_i64;
    for byte in whole.bytes().chain(kept.bytes()).chain(padding) {
        let digit = i64::from(byte - b'0');
        let next = number
            .checked_mul(10)
            .and_then(|it| if negative { it.checked_sub(digit) } else { it.checked_add(digit) });
        number = next.ok_or(NumberError::Overflow)?;
    }
    Ok(number)
}

/// The text of a scaled integer: 1250 with scale 2 is `"12.50"`.
pub(crate) fn format_scaled(number: i64, scale: u32) -> String {
    let scale = scale as usize;
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
