//! The way to a directory, link by link.
//!
//! Whoever can write to a folder that others use can put a link there, and so have tokens written to a place of their
//! choice. (The kernel's `protected_symlinks` sees to that in some folders of some systems.)

use std::{
    ffi::OsString,
    fmt, fs,
    io::{self, ErrorKind::NotFound},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

/// What the kernel allows, too.
const MOST_LINKS: usize = 40;

/// Where a path leads.
pub(super) struct Way {
    /// A full name without links, as far as there is anything by that name.
    pub(super) end: PathBuf,
    /// The links on the way.
    pub(super) links: Vec<Link>,
}

/// A symbolic link.
pub(super) struct Link {
    path: PathBuf,
    /// Whether users other than the owner can write to the folder that it is in.
    pub(super) others_can_write: bool,
    /// The owner of that folder.
    pub(super) owner: u32,
}

/// A step, of those still to go.
enum Step {
    Root,
    Up,
    Into(OsString),
}

impl Way {
    pub(super) fn along(path: &Path) -> io::Result<Self> {
        let mut way = Self { end: PathBuf::from("/"), links: Vec::new() };
        // The next one last.
        let mut steps = steps(&std::path::absolute(path)?);
        while let Some(step) = steps.pop() {
            match step {
                Step::Root => way.end = PathBuf::from("/"),
                Step::Up => drop(way.end.pop()),
                Step::Into(name) => {
                    let next = way.end.join(name);
                    let is_link = match fs::symlink_metadata(&next) {
                        Err(error) if error.kind() == NotFound => false,
                        next_is => next_is?.is_symlink(),
                    };
                    if !is_link {
                        way.end = next;
                        continue;
                    }
                    if way.links.len() == MOST_LINKS {
                        return Err(io::Error::other("too many symbolic links on the way"));
                    }
                    steps.extend(self::steps(&fs::read_link(&next)?));
                    let folder_is = fs::metadata(&way.end)?;
                    let others_can_write = folder_is.mode() & 0o022 != 0;
                    way.links.push(Link { path: next, others_can_write, owner: folder_is.uid() });
                }
            }
        }
        Ok(way)
    }
}

/// In reverse.
fn steps(path: &Path) -> Vec<Step> {
    let steps = path.components().rev().filter_map(|component| match component {
        Component::RootDir => Some(Step::Root),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Into(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    });
    steps.collect()
}

/// Why it is refused, and what to do.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is a symbolic link in a folder that other users can write to, so any of them can have made it; name the \
             directory that it leads to, or let nobody else write there",
            self.path.display()
        )
    }
}
