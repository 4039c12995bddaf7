//! Backups of the real server while it is written to: each, restored elsewhere, holds what is promised.
//!
//! To see that it can fail, let `Source::freeze` not hold the log (*an effect without its record, or the reverse*), or
//! keep the moments before the backup begins (*was acknowledged*).

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use serde_json::Value;

use super::{Campaign, JoinSet, Ordering, SEED, check::Look, machine::Machine, writer::Writer};

const BACKUPS: usize = 12;
/// How long writers write before a backup.
const BEFORE_MS: std::ops::Range<u64> = 20..250;

/// A backup, and how many calls of each writer were acknowledged before it was asked for.
struct Taken {
    folder: PathBuf,
    told: Vec<usize>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_under_load_hold_all_that_was_acknowledged_before() {
    let mut campaign = Campaign::start(SEED).await;
    let told: Vec<_> = campaign.writers.iter().map(|writer| Arc::clone(&writer.told)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let mut running = JoinSet::new();
    for writer in campaign.writers.drain(..) {
        running.spawn(writer.run(campaign.door.clone(), Arc::clone(&stop)));
    }
    let mut taken = Vec::new();
    for number in 0..BACKUPS {
        tokio::time::sleep(campaign.millis(BEFORE_MS)).await;
        let folder = campaign.folder.path().join(format!("backup-{number}"));
        let told = told.iter().map(|told| told.load(Ordering::SeqCst)).collect();
        let output = campaign.machine.run(&["backup", "--to", folder.to_str().unwrap()]).await;
        assert!(output.status.success(), "{output:?}");
        taken.push(Taken { folder, told });
    }
    stop.store(true, Ordering::Relaxed);
    let mut writers = running.join_all().await;
    writers.sort_by_key(|writer| writer.number);
    campaign.machine.stop().await;
    for (at, one) in taken.iter().enumerate() {
        let (before, after) = (sum(&one.told), taken.get(at + 1).map(|next| sum(&next.told)));
        assert!(after.is_none_or(|after| after > before), "nobody wrote during backup {at}");
        let restored = restored(&one.folder, &writers, &one.told).await;
        println!("backup {at}: {before} calls acknowledged before, {restored} settled by the next start");
    }
}

fn sum(told: &[usize]) -> usize {
    told.iter().sum()
}

/// Restores a backup on another machine, checks it before and after a start there, and answers how many calls that
/// start settled.
async fn restored(backup: &Path, writers: &[Writer], told: &[usize]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::new(folder.path());
    let output = machine.run(&["restore", backup.to_str().unwrap()]).await;
    assert!(output.status.success(), "{output:?}");
    let report = machine.verify().await;
    assert_eq!(report["unanchored"], 0, "the head was signed when the log stood still: {report}");
    let look = Look::at(&machine).await;
    let open = look.left_open().await;
    look.close().await;

    machine.start().await;
    let look = Look::at(&machine).await;
    look.nothing_is_left_open().await;
    look.outcomes_arrive().await;
    let acknowledged = writers.iter().zip(told).flat_map(|(writer, told)| &writer.acknowledged[..*told]);
    look.check_with(acknowledged).await;
    look.close().await;
    machine.verify().await;
    is_well(&machine, folder.path()).await;
    machine.stop().await;
    open
}

/// The doctor finds nothing, once there is a web application to find.
async fn is_well(machine: &Machine, folder: &Path) {
    std::fs::create_dir_all(folder.join("web/dist")).unwrap();
    std::fs::write(folder.join("web/dist/index.html"), "<!doctype html>").unwrap();
    let output = machine.run(&["doctor"]).await;
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{findings}");
}
