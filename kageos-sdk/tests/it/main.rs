//! Integration tests.

#[cfg(test)]
mod fields;
#[cfg(test)]
mod host;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod snapshot;
#[cfg(test)]
mod table_aggregate;
#[cfg(test)]
mod table_csv;
#[cfg(test)]
mod table_migration;
#[cfg(test)]
mod table_naive;
#[cfg(test)]
mod table_search;
#[cfg(test)]
mod table_support;
#[cfg(test)]
mod table_unit;
#[cfg(test)]
mod ui;
