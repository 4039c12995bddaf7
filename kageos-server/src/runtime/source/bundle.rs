//! Commits as git bundles: what a repository elsewhere needs to hold a commit, and nothing that it has already.
//!
//! Commits are numbered from the first. The bundle of number `n` holds as many commits as the lowest bit of `n` says, at
//! most [`LONGEST`]. So most bundles hold few, two hundred commits never need more than eight, and those that the next
//! commit builds on are among those that the last one needed.

use std::{fs, io::Write as _};

use git2::{Buf, Indexer, Oid, Repository as Git};
use kageos_core::{Code, Error, Result};

use super::{
    pack::{failed, synced},
    repository::{BRANCH, Repository, broken, oid},
};

/// Most commits of one bundle.
const LONGEST: usize = 256;
/// How a bundle begins.
const SIGNATURE: &str = "# v2 git bundle\n";
/// Enough of a bundle to tell what it builds on, in bytes.
pub(crate) const HEAD: u64 = 256;

/// A commit whose bundle holds it and what lies between it and `base`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) commit: String,
    /// What has to be there; `None` when the bundle holds everything.
    pub(crate) base: Option<String>,
}

impl Repository {
    /// Whether a commit is there.
    pub(crate) fn has(&self, commit: &str) -> Result<bool> {
        let id = oid(commit)?;
        Ok(self.git()?.find_commit(id).is_ok())
    }

    /// The bundles that together hold a commit and all before it, the newest first.
    pub(crate) fn steps(&self, commit: &str) -> Result<Vec<Step>> {
        let ids = line(&self.git()?, oid(commit)?)?;
        let (mut steps, mut at) = (Vec::new(), 0);
        while at < ids.len() {
            let number = ids.len() - at;
            let next = at + (number & number.wrapping_neg()).min(LONGEST);
            steps.push(Step { commit: ids[at].to_string(), base: ids.get(next).map(Oid::to_string) });
            at = next;
        }
        Ok(steps)
    }

    /// The bundle of a step, which `git bundle verify` and `git fetch` read too.
    pub(crate) fn bundle(&self, step: &Step) -> Result<Vec<u8>> {
        let git = self.git()?;
        let mut walk = git.revwalk().map_err(broken)?;
        walk.push(oid(&step.commit)?).map_err(broken)?;
        let mut bundle = SIGNATURE.to_owned();
        if let Some(base) = &step.base {
            walk.hide(oid(base)?).map_err(broken)?;
            bundle += &format!("-{base} \n");
        }
        bundle += &format!("{} {BRANCH}\n\n", step.commit);
        let mut builder = git.packbuilder().map_err(broken)?;
        builder.set_threads(1);
        builder.insert_walk(&mut walk).map_err(broken)?;
        let mut pack = Buf::new();
        builder.write_buf(&mut pack).map_err(broken)?;
        Ok([bundle.as_bytes(), &pack].concat())
    }

    /// Takes what a bundle holds; what it builds on has to be there. What it should hold is there afterwards, and on disk.
    pub(crate) fn unbundle(&self, step: &Step, bundle: &[u8]) -> Result<()> {
        if read_head(bundle)? != *step {
            return Err(strange());
        }
        let at = bundle.windows(2).position(|two| two == b"\n\n").ok_or_else(strange)?;
        let packs = self.path().join("objects/pack");
        fs::create_dir_all(&packs).map_err(failed)?;
        let git = self.git()?;
        let odb = git.odb().map_err(broken)?;
        let mut indexer = Indexer::new(Some(&odb), &packs, 0o600, true).map_err(broken)?;
        indexer.write_all(&bundle[at + 2..]).map_err(failed)?;
        let name = indexer.commit().map_err(broken)?;
        synced(&packs, &name)?;
        if self.has(&step.commit)? { Ok(()) } else { Err(strange()) }
    }
}

/// What the beginning of a bundle says of it.
pub(crate) fn read_head(start: &[u8]) -> Result<Step> {
    let end = start.windows(2).position(|two| two == b"\n\n").ok_or_else(strange)?;
    let head = std::str::from_utf8(&start[..end]).map_err(|_| strange())?;
    let mut lines = head.strip_prefix(SIGNATURE).ok_or_else(strange)?.lines().peekable();
    let base = lines.next_if(|line| line.starts_with('-')).map(|line| line[1..].trim_end().to_owned());
    let commit = lines.next().and_then(|line| line.strip_suffix(BRANCH)).ok_or_else(strange)?;
    let step = Step { commit: commit.trim_end().to_owned(), base };
    for id in std::iter::once(&step.commit).chain(&step.base) {
        oid(id).map_err(|_| strange())?;
    }
    if lines.next().is_none() { Ok(step) } else { Err(strange()) }
}

/// A commit and those before it.
fn line(git: &Git, newest: Oid) -> Result<Vec<Oid>> {
    let (mut ids, mut next) = (Vec::new(), Some(newest));
    while let Some(id) = next {
        ids.push(id);
        next = git.find_commit(id).map_err(broken)?.parent_id(0).ok();
    }
    Ok(ids)
}

fn strange() -> Error {
    Error::new(Code::Unavailable, "A bundle of this source is not what it should be.")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::runtime::source::tests::commit;

    fn empty() -> (tempfile::TempDir, Repository) {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::open(dir.path()).unwrap();
        (dir, repository)
    }

    /// A source, and the bundles of each of its commits as they were made when it was new.
    fn grown(commits: usize) -> (tempfile::TempDir, Repository, Vec<String>, HashMap<String, Vec<u8>>) {
        let (dir, repository) = empty();
        let (mut ids, mut bundles) = (Vec::<String>::new(), HashMap::new());
        for number in 0..commits {
            let id = commit(&repository, ids.last().map(String::as_str), number);
            let steps = repository.steps(&id).unwrap();
            assert!(steps[1..].iter().all(|step| bundles.contains_key(&step.commit)), "the rest is there");
            bundles.insert(id.clone(), repository.bundle(&steps[0]).unwrap());
            ids.push(id);
        }
        (dir, repository, ids, bundles)
    }

    /// Another repository with a commit, from bundles alone; answers how many it took.
    fn fetch(repository: &Repository, bundles: &HashMap<String, Vec<u8>>, commit: &str) -> usize {
        let (mut missing, mut next) = (Vec::new(), Some(commit.to_owned()));
        while let Some(id) = next.filter(|id| !repository.has(id).unwrap()) {
            let bundle = &bundles[&id];
            let step = read_head(&bundle[..bundle.len().min(256)]).unwrap();
            next = step.base.clone();
            missing.push(step);
        }
        for step in missing.iter().rev() {
            repository.unbundle(step, &bundles[&step.commit]).unwrap();
        }
        missing.len()
    }

    #[test]
    fn few_bundles_hold_a_commit_and_all_before_it() {
        let (_dir, repository, ids, bundles) = grown(70);
        for (number, most) in [(1, 1), (2, 1), (3, 2), (7, 3), (63, 6), (64, 1), (70, 3)] {
            let (_other_dir, other) = empty();
            assert_eq!(fetch(&other, &bundles, &ids[number - 1]), most, "{number}");
            let (history, rest) = other.history(&ids[number - 1], None, 1000).unwrap();
            assert!(history.len() == number && rest.is_none());
            assert_eq!(other.list(&ids[number - 1]).unwrap(), repository.list(&ids[number - 1]).unwrap());
            for entry in other.list(&ids[number - 1]).unwrap() {
                other.content(&entry.hash).unwrap();
            }
        }
    }

    #[test]
    fn who_takes_commit_after_commit_holds_no_more_than_who_made_them() {
        let (dir, _repository, ids, bundles) = grown(70);
        let (other_dir, other) = empty();
        let packs = || fs::read_dir(other_dir.path().join("objects/pack")).unwrap().count();
        let mut merged = 0;
        for id in &ids {
            fetch(&other, &bundles, id);
            merged += other.merge_packs().unwrap();
        }
        assert!(merged > 60 && packs() <= 2 * 21, "{merged} {}", packs());
        let size = |dir: &tempfile::TempDir| crate::runtime::build::folder_size(dir.path());
        assert!(size(&other_dir) < 2 * size(&dir), "{} {}", size(&other_dir), size(&dir));
        assert_eq!(other.history(&ids[69], None, 1000).unwrap().0.len(), 70);
        for entry in other.list(&ids[69]).unwrap() {
            other.content(&entry.hash).unwrap();
        }
    }

    #[test]
    fn who_has_some_takes_the_rest() {
        let (_dir, _, ids, bundles) = grown(10);
        let (_other_dir, other) = empty();
        fetch(&other, &bundles, &ids[5]);
        // 10 is a bundle of two on that of 8, which is whole.
        assert_eq!(fetch(&other, &bundles, &ids[9]), 2);
        assert_eq!(other.history(&ids[9], None, 1000).unwrap().0.len(), 10);
        // One that is there is written on; a bundle that comes twice is nothing new.
        let last = read_head(&bundles[&ids[9]]).unwrap();
        other.unbundle(&last, &bundles[&ids[9]]).unwrap();
        let next = commit(&other, Some(&ids[9]), 11);
        assert_eq!(other.parent(&next).unwrap().as_ref(), Some(&ids[9]));
    }

    #[test]
    fn a_bundle_that_is_none_is_refused() {
        let (_dir, repository, ids, bundles) = grown(3);
        let (steps, whole) = (repository.steps(&ids[2]).unwrap(), &bundles[&ids[2]]);
        let refused = |bundle: &[u8], step: &Step| {
            let (_dir, other) = empty();
            fetch(&other, &bundles, &ids[1]);
            let error = other.unbundle(step, bundle).unwrap_err();
            assert_eq!(error.code, Code::Unavailable, "{error:?}");
            assert!(!other.has(&ids[2]).unwrap());
        };
        refused(b"", &steps[0]);
        refused(&whole[..whole.len() - 30], &steps[0]);
        refused(&bundles[&ids[1]], &steps[0]);
        let mut damaged = whole.clone();
        let at = damaged.len() - 40;
        damaged[at] ^= 1;
        refused(&damaged, &steps[0]);
        // Another commit's objects under this one's name.
        let (_dir2, strange) = empty();
        let id = commit(&strange, None, 99);
        let bundle = strange.bundle(&strange.steps(&id).unwrap()[0]).unwrap();
        let head = format!("{SIGNATURE}-{} \n{} {BRANCH}\n\n", ids[1], ids[2]);
        let at = bundle.windows(2).position(|two| two == b"\n\n").unwrap() + 2;
        refused(&[head.as_bytes(), &bundle[at..]].concat(), &steps[0]);
        // And one whose base is not there.
        let (_dir3, other) = empty();
        assert_eq!(other.unbundle(&steps[0], whole).unwrap_err().code, Code::Unavailable);
    }
}
