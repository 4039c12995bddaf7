//! Calls of the system that no app and no build has a use for: they look after machines, trace other programs, or have been
//! ways out of sandboxes.

use std::{collections::BTreeMap, io};

use libc::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS,
    ENOSYS, EPERM, c_int, c_long,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// What is refused, whatever it is called with.
const REFUSED: &[c_long] = &[
    // Namespaces, mounts and roots of its own.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // Other programs.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // Parts of the kernel that many have found a way through.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_vhangup,
    libc::SYS_personality,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Calls that only this kind of machine has, and those whose number by the second way is another one.
/// By the second way: `ptrace`, `kexec_load`, `process_vm_readv` and `process_vm_writev`.
#[cfg(target_arch = "x86_64")]
const OF_THIS_MACHINE: &[c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, 521, 528, 539, 540];
#[cfg(not(target_arch = "x86_64"))]
const OF_THIS_MACHINE: &[c_long] = &[];

/// Kinds of namespaces that a process may be begun in.
const NAMESPACES: [c_int; 7] =
    [CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS];

/// Kinds of sockets that lead out of a namespace of the network, to the machine that this one is a guest of, or into the
/// kernel.
const FAMILIES: [c_int; 2] = [libc::AF_VSOCK, libc::AF_ALG];

/// A second way to each call on this kind of machine, by a number with this bit; which kernels seldom have.
#[cfg(target_arch = "x86_64")]
const SECOND: Option<c_long> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const SECOND: Option<c_long> = None;

/// Lets this process, and all that it becomes and starts, make none of those calls.
///
/// # Errors
/// When the system has no such filters.
pub(super) fn refuse_calls() -> io::Result<()> {
    for filter in filters().map_err(io::Error::other)? {
        apply_filter(&filter).map_err(io::Error::other)?;
    }
    Ok(())
}

fn filters() -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let mut refused: BTreeMap<_, _> = REFUSED
        .iter()
        .chain(OF_THIS_MACHINE)
        .flat_map(|call| both(*call))
        .map(|it| (it, Vec::new()))
        .collect();
    for call in both(libc::SYS_socket) {
        refused.insert(call, FAMILIES.iter().map(|family| opens(*family)).collect::<Result<_, _>>()?);
    }
    for call in both(libc::SYS_clone) {
        refused.insert(call, NAMESPACES.iter().map(|kind| begins(*kind)).collect::<Result<_, _>>()?);
    }
    // What it is called with lies in memory, where no filter looks; libraries know the older call.
    let unknown = both(libc::SYS_clone3).map(|it| (it, Vec::new())).collect();
    Ok([program(refused, EPERM)?, program(unknown, ENOSYS)?])
}

fn both(call: c_long) -> impl Iterator<Item = c_long> {
    [Some(call), SECOND.map(|bit| call | bit)].into_iter().flatten()
}

/// A socket of a kind.
fn opens(family: c_int) -> Result<SeccompRule, seccompiler::BackendError> {
    let family = u64::from(family.unsigned_abs());
    let kind = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family)?;
    SeccompRule::new(vec![kind])
}

/// A process that begins in a namespace of its own.
fn begins(kind: c_int) -> Result<SeccompRule, seccompiler::BackendError> {
    let kind = u64::from(kind.unsigned_abs());
    let flag = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(kind), kind)?;
    SeccompRule::new(vec![flag])
}

fn program(
    calls: BTreeMap<c_long, Vec<SeccompRule>>,
    answer: c_int,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let answer = SeccompAction::Errno(answer.unsigned_abs());
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(calls, SeccompAction::Allow, answer, machine)?.try_into()
}

#[cfg(test)]
mod tests {
    use seccompiler::sock_filter;

    use super::*;

    /// What the kernel does with a call: the largest refusal of all filters, as seccomp(2) has it; 0 when it is let through.
    fn answer(call: c_long, first: u64) -> c_int {
        let answers = filters().unwrap().map(|filter| run(&filter, call, first));
        match answers.into_iter().min().unwrap() {
            0x7fff_0000 => 0,
            refused if refused & 0xffff_0000 == 0x0005_0000 => c_int::try_from(refused & 0xffff).unwrap(),
            other => panic!("{call}: {other:#x}"),
        }
    }

    /// Runs a filter over what it sees of a call: its number, the kind of machine, and its first argument.
    fn run(filter: &[sock_filter], call: c_long, first: u64) -> u32 {
        let machine = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };
        let number = u32::try_from(call).unwrap();
        let word = |at: u32| match at {
            0 => number,
            4 => machine,
            16 => u32::try_from(first & 0xffff_ffff).unwrap(),
            20 => u32::try_from(first >> 32).unwrap(),
            _ => 0,
        };
        let (mut at, mut value) = (0, 0);
        loop {
            let step = &filter[at];
            at += 1;
            let jump = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
            match step.code {
                0x20 => value = word(step.k),
                0x54 => value &= step.k,
                0x05 => at += step.k as usize,
                0x15 => at += jump(value == step.k),
                0x25 => at += jump(value > step.k),
                0x35 => at += jump(value >= step.k),
                0x06 => return step.k,
                other => panic!("a step of a kind that is not known: {other:#x}"),
            }
        }
    }

    #[test]
    fn each_call_of_the_list_is_refused_by_both_ways_and_others_are_not() {
        for call in REFUSED.iter().chain(OF_THIS_MACHINE).flat_map(|call| both(*call)) {
            assert_eq!(answer(call, 0), EPERM, "{call}");
        }
        for call in [libc::SYS_read, libc::SYS_write, libc::SYS_futex, libc::SYS_execve, libc::SYS_mmap] {
            assert_eq!(answer(call, 0), 0, "{call}");
        }
        assert_eq!(answer(libc::SYS_clone3, 0), ENOSYS);
        let thread = u64::from((libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND).unsigned_abs());
        for call in both(libc::SYS_clone) {
            assert_eq!(answer(call, thread), 0);
            for kind in NAMESPACES {
                assert_eq!(answer(call, thread | u64::from(kind.unsigned_abs())), EPERM, "{kind:#x}");
            }
        }
        for call in both(libc::SYS_socket) {
            assert_eq!(answer(call, u64::from(libc::AF_UNIX.unsigned_abs())), 0);
            for family in FAMILIES {
                assert_eq!(answer(call, u64::from(family.unsigned_abs())), EPERM, "{family}");
            }
        }
    }
}
