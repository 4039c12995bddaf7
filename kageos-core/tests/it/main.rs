//! Tests of `kageos-core` from outside.

#[cfg(test)]
mod bars;
#[cfg(test)]
mod boundaries;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod promises;
