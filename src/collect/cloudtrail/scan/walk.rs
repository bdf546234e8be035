//! Lists folders while others read: every worker takes files from the folders at hand and opens
//! the next folder itself, so that listing is shared and nothing waits for its end. Links to
//! folders are followed; each folder is listed once, whichever way leads to it.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{File, FileType, ReadDir};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Files taken from a folder at once: enough to make the lock cheap, few enough to share.
const BATCH: usize = 32;

/// Folders that are still to be listed, shared by the workers.
pub(super) struct Folders {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    closed: Vec<Closed>,
    open: VecDeque<(Arc<Folder>, ReadDir)>,
    /// The folders that were opened.
    seen: BTreeSet<Identity>,
    /// Workers that are listing right now and may bring more.
    listing: usize,
}

/// By what a folder is known again: its device and number there, or its real path.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

/// A folder that is still to be opened.
struct Closed {
    path: PathBuf,
    relative: String,
}

/// A folder being listed, shared by the files found in it.
pub(super) struct Folder {
    path: PathBuf,
    /// Its path relative to the one that is searched, with `/` between the parts.
    pub(super) relative: String,
    /// Files are opened relative to their folder: finding one by its full path, a dozen folders
    /// deep, costs about as much as reading it.
    #[cfg(unix)]
    handle: Option<File>,
}

impl Folder {
    fn open(closed: Closed) -> Result<(Self, Identity, ReadDir), Unlisted> {
        let Closed { path, relative } = closed;
        let open = || {
            let entries = std::fs::read_dir(&path)?;
            #[cfg(unix)]
            let (handle, identity) = {
                use std::os::unix::fs::MetadataExt as _;
                let handle = File::open(&path).ok();
                let data = handle.as_ref().map_or_else(|| path.metadata(), File::metadata)?;
                (handle, (data.dev(), data.ino()))
            };
            #[cfg(not(unix))]
            let identity = path.canonicalize()?;
            let folder = Self {
                path: path.clone(),
                relative,
                #[cfg(unix)]
                handle,
            };
            Ok((folder, identity, entries))
        };
        open().map_err(|error| (path.clone(), error))
    }
}

/// A file found in a folder.
pub(super) struct Found {
    pub(super) folder: Arc<Folder>,
    pub(super) name: OsString,
}

impl Found {
    /// Opens the file for reading.
    pub(super) fn open(&self) -> io::Result<File> {
        #[cfg(unix)]
        if let Some(folder) = &self.folder.handle {
            use rustix::fs::{Mode, OFlags, openat};
            let file = openat(folder, &self.name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            return Ok(File::from(file));
        }
        File::open(self.folder.path.join(&self.name))
    }

    /// The file's whole path, for a reader.
    pub(super) fn path(&self) -> String {
        self.folder.path.join(&self.name).to_string_lossy().into_owned()
    }
}

/// A folder or entry that could not be listed, and why.
pub(super) type Unlisted = (PathBuf, io::Error);

impl Folders {
    pub(super) fn new(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        let closed = roots.into_iter().map(|path| Closed { path, relative: String::new() }).collect();
        let state = State { closed, open: VecDeque::new(), seen: BTreeSet::new(), listing: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Puts the next files into `files`; false when there will be no more.
    pub(super) fn next(&self, files: &mut Vec<Found>, unlisted: &mut Vec<Unlisted>) -> bool {
        let mut state = self.lock();
        loop {
            if let Some((folder, entries)) = state.open.pop_front() {
                state.listing += 1;
                drop(state);
                let (rest, folders) = take_batch(&folder, entries, files, unlisted);
                state = self.lock();
                state.listing -= 1;
                state.closed.extend(folders);
                state.open.extend(rest.map(|rest| (folder, rest)));
            } else if let Some(folder) = state.closed.pop() {
                state.listing += 1;
                drop(state);
                let opened = Folder::open(folder);
                state = self.lock();
                state.listing -= 1;
                match opened {
                    Ok((folder, identity, entries)) => {
                        if state.seen.insert(identity) {
                            // To the front: this worker goes on with it.
                            state.open.push_front((Arc::new(folder), entries));
                        }
                    }
                    Err(unreadable) => unlisted.push(unreadable),
                }
                self.changed.notify_all();
                continue;
            } else if state.listing > 0 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            } else {
                return false;
            }
            self.changed.notify_all();
            if !files.is_empty() {
                return true;
            }
        }
    }

    /// A worker that panicked has left the lists whole: each step of them is one operation.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes up to a batch of files out of an open folder. Gives back the folder, unless it is at its
/// end, and the folders found in it.
fn take_batch(
    folder: &Arc<Folder>,
    mut entries: ReadDir,
    files: &mut Vec<Found>,
    unlisted: &mut Vec<Unlisted>,
) -> (Option<ReadDir>, Vec<Closed>) {
    let mut folders = Vec::new();
    while files.len() < BATCH {
        let Some(entry) = entries.next() else { return (None, folders) };
        let (kind, name) = match entry.and_then(|entry| Ok((entry.file_type()?, entry.file_name()))) {
            Ok(entry) => entry,
            Err(error) => {
                unlisted.push((folder.path.clone(), error));
                return (None, folders);
            }
        };
        let path = || folder.path.join(&name);
        // Where a link leads is asked of links alone: asking of each file would cost.
        let kind = if kind.is_symlink() { path().metadata().map(|data| data.file_type()) } else { Ok(kind) };
        match kind {
            Ok(kind) if kind.is_dir() => {
                let relative = match folder.relative.as_str() {
                    "" => name.to_string_lossy().into_owned(),
                    above => format!("{above}/{}", name.to_string_lossy()),
                };
                folders.push(Closed { path: path(), relative });
            }
            Ok(kind) if kind.is_file() => files.push(Found { folder: Arc::clone(folder), name }),
            // Nobody can say when a pipe ends, and the search would wait.
            Ok(kind) if is_pipe(kind) => {
                unlisted.push((path(), io::Error::other("it is a pipe: to read it, name it by itself")));
            }
            // Sockets and devices hold no logs.
            Ok(_) => {}
            Err(error) => unlisted.push((path(), error)),
        }
    }
    (Some(entries), folders)
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn several_workers_list_every_file_once() {
        let root = tempfile::tempdir().unwrap();
        let mut expected = BTreeSet::new();
        for folder in 0..40 {
            let path = root.path().join(format!("a{}/b{folder}", folder % 7));
            std::fs::create_dir_all(&path).unwrap();
            for file in 0..folder * 3 {
                let path = path.join(format!("{file}.json"));
                std::fs::write(&path, "x").unwrap();
                expected.insert(path);
            }
        }
        let folders = Folders::new([root.path().to_owned()]);
        let found = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (mut files, mut unlisted) = (Vec::new(), Vec::new());
                    while folders.next(&mut files, &mut unlisted) {
                        found.lock().unwrap().extend(files.drain(..).map(|file| PathBuf::from(file.path())));
                    }
                    assert!(unlisted.is_empty());
                });
            }
        });
        let found = found.into_inner().unwrap();
        assert_eq!(found.len(), expected.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_told_and_the_rest_goes_on() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.json"), "x").unwrap();
        let folders = Folders::new([root.path().join("missing"), root.path().to_owned()]);
        let (mut files, mut unlisted) = (Vec::new(), Vec::new());
        while folders.next(&mut files, &mut unlisted) {
            assert_eq!(files.pop().unwrap().name, "a.json");
        }
        assert_eq!(unlisted.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn linked_folders_are_listed_once_and_what_cannot_be_followed_is_told() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let logs = root.path().join("logs");
        std::fs::create_dir_all(logs.join("day")).unwrap();
        std::fs::write(logs.join("day/a.json"), "x").unwrap();
        let searched = root.path().join("searched");
        std::fs::create_dir(&searched).unwrap();
        symlink(&logs, searched.join("AWSLogs")).unwrap();
        symlink(logs.join("day"), searched.join("again")).unwrap();
        symlink(&searched, logs.join("circle")).unwrap();
        symlink("nowhere", searched.join("dangling.json.gz")).unwrap();
        symlink("self", searched.join("self")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(searched.join("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(searched.join("socket")).unwrap();
        let folders = Folders::new([searched]);
        let (mut files, mut unlisted, mut found) = (Vec::new(), Vec::new(), Vec::new());
        while folders.next(&mut files, &mut unlisted) {
            found.extend(files.drain(..).map(|file| file.name));
        }
        assert_eq!(found, ["a.json"]);
        let mut told: Vec<_> = unlisted.iter().filter_map(|(path, _)| path.file_name()?.to_str()).collect();
        told.sort_unstable();
        assert_eq!(told, ["dangling.json.gz", "pipe", "self"]);
    }
}
