//! Storage that is full or read-only: writes are refused in clear words, reads go on, nothing acknowledged is lost.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    SEED,
    check::Look,
    client::{Answer, Client},
    machine::Machine,
    writer::Writer,
};

/// Room for the example and its logs, and soon filled.
const DISK: &str = "size=1g";
/// Writes in which a full disk must have shown: the write-ahead logs of both databases are used up by fewer.
const MAX_WRITES: u32 = 20_000;
/// `nobody`, whom the permissions of a file stop.
const NOBODY: u32 = 65_534;

/// What can be filled: a small disk, or where none can be mounted a limit on the size of files.
enum Disk {
    Mounted(PathBuf),
    Limited,
}

impl Disk {
    fn new(folder: &Path) -> Self {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(folder).output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        println!("a disk of its own: {mounted}");
        if mounted { Self::Mounted(folder.to_owned()) } else { Self::Limited }
    }

    fn fill(&self, machine: &Machine) {
        match self {
            Self::Mounted(folder) => {
                let mut filler = std::fs::File::create(folder.join("filler")).unwrap();
                let full = io::copy(&mut io::repeat(0), &mut filler).unwrap_err();
                assert_eq!(full.kind(), io::ErrorKind::StorageFull);
            }
            Self::Limited => limit(machine, &machine.platform_file().metadata().unwrap().len().to_string()),
        }
    }

    fn free(&self, machine: &Machine) {
        match self {
            Self::Mounted(folder) => std::fs::remove_file(folder.join("filler")).unwrap(),
            Self::Limited => limit(machine, "unlimited"),
        }
    }

    /// SQLite tells a full disk from other failures to write, of which a limit is one.
    fn refuses(&self, code: &str) -> bool {
        match self {
            Self::Mounted(_) => code == "storage_full",
            Self::Limited => ["storage_full", "unavailable", "outcome_unknown"].contains(&code),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Mounted(folder) = self {
            let _ = Command::new("umount").arg("--lazy").arg(folder).status();
        }
    }
}

fn limit(machine: &Machine, bytes: &str) {
    let (process, size) = (machine.process().to_string(), format!("--fsize={bytes}:unlimited"));
    let status = Command::new("prlimit").args(["--pid", &process, &size]).status().unwrap();
    assert!(status.success());
}

async fn write(writer: &mut Writer, client: &mut Client, times: u32) {
    for _ in 0..times {
        writer.write(client).await.ok();
    }
}

async fn check(machine: &Machine, writer: &Writer) {
    let look = Look::at(machine).await;
    look.outcomes_arrive().await;
    look.check(std::slice::from_ref(writer)).await;
    look.close().await;
    machine.verify().await;
}

async fn read(client: &mut Client) {
    let found = client.get("/api/v1/rows/demo/crm/customer.table?limit=5").await.ok();
    assert_eq!(found["rows"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path());
    let mut machine = Machine::new(folder.path());
    let mut door = machine.bootstrap().await;
    let (mut client, mut writer) = (door.client(), Writer::new(0, 1, SEED));
    write(&mut writer, &mut client, 50).await;
    disk.fill(&machine);
    let mut refused = None;
    for _ in 0..MAX_WRITES {
        match writer.write(&mut client).await {
            Answer::Ok(_) => {}
            answer => {
                refused = Some(answer);
                break;
            }
        }
    }
    let Some(Answer::Refused { status: 503, code }) = refused else { panic!("{refused:?}") };
    assert!(disk.refuses(&code), "{code}");
    read(&mut client).await;
    disk.free(&machine);
    writer.repeat(&mut client).await;
    write(&mut writer, &mut client, 50).await;
    check(&machine, &writer).await;
    machine.kill().await;
    door.authority = machine.start().await;
    writer.repeat(&mut door.client()).await;
    check(&machine, &writer).await;
    machine.stop().await;
}

/// Also of the logs beside a database, which SQLite makes with the permissions of its file.
fn permit(file: &Path, mode: u32) {
    for ending in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{ending}", file.display()));
        if file.exists() {
            std::fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_read_only_file_refuses_writes_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let root = rustix::process::getuid().is_root();
    let mut machine = Machine::new(folder.path());
    let mut door = machine.bootstrap().await;
    if root {
        // Nobody's toolchain, so nobody runs what root has built.
        machine.stop().await;
        machine = Machine::run_by(folder.path(), NOBODY);
        door.authority = machine.start().await;
    }
    let mut writer = Writer::new(0, 1, SEED);
    write(&mut writer, &mut door.client(), 20).await;
    machine.stop().await;

    permit(&machine.app_file(), 0o400);
    door.authority = machine.start().await;
    let mut client = door.client();
    let refused = writer.write(&mut client).await;
    assert_eq!(refused, Answer::Refused { status: 503, code: "storage_full".to_owned() });
    read(&mut client).await;
    machine.stop().await;
    permit(&machine.app_file(), 0o600);

    permit(&machine.platform_file(), 0o400);
    let refused = machine.try_start(&["serve"]).await.unwrap_err();
    assert_eq!(refused.status.code(), Some(74), "{refused:?}");
    permit(&machine.platform_file(), 0o600);

    door.authority = machine.start().await;
    writer.repeat(&mut door.client()).await;
    check(&machine, &writer).await;
    machine.stop().await;
}
