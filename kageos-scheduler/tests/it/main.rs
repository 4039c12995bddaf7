//! Integration tests of `kageos-scheduler`.

#![cfg(test)]

mod cron;
mod daylight;
mod delay;
mod every;
mod exclude;
mod faults;
mod hostile;
mod jitter;
mod json;
mod oracle;
mod preview;
mod refusals;
mod search;
mod simulation;
mod support;
mod zones;
