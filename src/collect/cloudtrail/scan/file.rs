//! Scans one file after the other, with buffers that are used again.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use super::carrier::{self, Seen};
use super::form::{Form, form, of_beginning};
use super::inflate::{Inflated, Inflater};
use super::layout::Place;
use super::native::{self, Tools, Wanted};
use super::query::Compiled;
use super::split::{MAX_OBJECT, Read as Outcome, Splitter};
use super::stream::TextStream;
use super::tally::{Tally, note};
use super::wide::{Wide, utf16};
use crate::trail::{Coverage, EventRef, Problem, ProblemKind, RecordReader, Sink};

/// The largest file, and the largest text, that is held in memory as a whole. CloudTrail's own
/// objects are at most 50 MB compressed and mostly far below one.
const MAX_WHOLE: usize = 64 << 20;
/// Bytes read at once; most log files are smaller.
const READ: usize = 256 * 1024;
/// Text inflated at once from a stream.
const PIECE: usize = 4 << 20;
/// Text without any record after which a stream is given up as a decompression bomb.
const BARREN: u64 = 1 << 30;
/// Compressions within the first that are undone in a stream: some copies between buckets are
/// compressed twice.
const LAYERS: u8 = 2;

/// One thread's scanner: finds in files what its query wants, and hands it to its sink.
pub(super) struct Scanner<'q, S> {
    query: &'q Compiled<'q>,
    cancel: Option<&'q AtomicBool>,
    inflater: Option<Inflater>,
    /// The file's bytes.
    input: Vec<u8>,
    /// Its text.
    text: Vec<u8>,
    reader: RecordReader,
    pub(super) sink: S,
    /// How many events went into the sink.
    pub(super) found: u64,
    /// What was seen of the file at hand.
    tally: Tally,
    /// What was seen of all files.
    pub(super) coverage: Coverage,
    /// Bytes of the coverage that were told to the progress.
    told: u64,
}

/// How a file came to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// The user named it.
    Named,
    /// It was found in a folder: what is plainly no log is passed over.
    Found,
}

impl<'q, S: Sink> Scanner<'q, S> {
    pub(super) fn new(query: &'q Compiled<'q>, cancel: Option<&'q AtomicBool>, sink: S) -> Self {
        Self {
            query,
            cancel,
            inflater: Inflater::new(),
            input: Vec::new(),
            text: Vec::new(),
            reader: RecordReader::default(),
            sink,
            found: 0,
            tally: Tally::default(),
            coverage: Coverage::default(),
            told: 0,
        }
    }

    /// Scans a file on disk. `path` gives its path, if there is something to tell of it.
    pub(super) fn scan_file(
        &mut self,
        file: std::io::Result<File>,
        given: Given,
        place: Place<'_>,
        name: &str,
        path: impl FnOnce() -> String,
    ) {
        self.begin(place);
        self.tally.lenient = given == Given::Found;
        let mut input = std::mem::take(&mut self.input);
        let outcome = file.and_then(|mut file| {
            let len = read_whole(&mut file, &mut input, name, given)?;
            Ok((file, len))
        });
        match outcome {
            Ok((_, Length::NotALog)) => {
                self.input = input;
                self.coverage.other_files += 1;
                return;
            }
            Ok((_, Length::OtherForm(detail))) => self.is_other_form(detail),
            Ok((_, Length::Whole(len))) => self.object(&input[..len]),
            Ok((file, Length::Larger)) => {
                self.stream((&input[..]).chain(file));
                self.large();
            }
            Err(error) => self.tally.problems.push(ProblemKind::Unreadable { detail: error.to_string() }),
        }
        self.input = input;
        self.end(place, path);
    }

    /// Scans an object already in memory.
    pub(super) fn scan_object(&mut self, name: &str, object: &[u8], place: Place<'_>) {
        self.begin(place);
        self.object(object);
        self.end(place, || name.to_owned());
    }

    /// Scans what can only be read once, from front to end.
    pub(super) fn scan_reader(&mut self, name: &str, reader: impl Read) {
        self.begin(Place::default());
        self.stream(reader);
        self.end(Place::default(), || name.to_owned());
    }

    /// Bytes read since last asked.
    pub(super) fn new_bytes(&mut self) -> u64 {
        let new = self.coverage.bytes - self.told;
        self.told = self.coverage.bytes;
        new
    }

    fn begin(&mut self, place: Place<'_>) {
        self.tally = Tally::default();
        self.tally.placed = place.account.is_some() && place.region.is_some();
    }

    fn end(&mut self, place: Place<'_>, name: impl FnOnce() -> String) {
        let mut tally = std::mem::take(&mut self.tally);
        tally.finish(place.account);
        let records_kept = tally.coverage.records;
        let is_no_log =
            tally.lenient && !tally.hinted && tally.problems.iter().all(|it| *it == ProblemKind::NoRecords);
        let is_foreign = is_no_log && !tally.problems.is_empty();
        let passed_over = records_kept == 0 && (place.doubtful || is_foreign);
        let only = |count: u64| u64::from(count > 0 && records_kept == 0 && tally.problems.is_empty());
        tally.coverage.other_files = u64::from(passed_over);
        if !passed_over {
            tally.coverage.digests = only(tally.digests);
            tally.coverage.insights = only(tally.insights).saturating_sub(tally.coverage.digests);
        }
        let Coverage { other_files, digests, insights, .. } = tally.coverage;
        let is_log = other_files + digests + insights == 0;
        tally.coverage.files = u64::from(is_log);
        if is_log && !tally.problems.is_empty() {
            let file = name();
            let problems = tally.problems.into_iter();
            tally.coverage.problems =
                problems.map(|kind| Problem { file: file.clone(), kind, records_kept }).collect();
        }
        if records_kept > 0 || is_log && tally.coverage.problems.is_empty() {
            note(&mut self.coverage.accounts, place.account);
            note(&mut self.coverage.regions, place.region);
        }
        // A vast archive of broken files must not fill the memory with their names.
        if self.coverage.problems.len() > 2_000 {
            self.coverage.more_problems += tally.coverage.problems.len() as u64;
            tally.coverage.problems.clear();
        }
        self.coverage.merge(tally.coverage);
    }

    fn is_other_form(&mut self, detail: &str) {
        self.tally.problems.push(ProblemKind::OtherForm { detail: detail.to_owned() });
    }

    fn object(&mut self, object: &[u8]) {
        self.tally.coverage.bytes += object.len() as u64;
        if object.is_empty() {
            return self.tally.problems.push(ProblemKind::Empty);
        }
        if !object.starts_with(&[0x1f, 0x8b]) {
            return self.whole_text(object);
        }
        let mut text = std::mem::take(&mut self.text);
        let inflated = match &mut self.inflater {
            Some(inflater) => inflater.inflate(object, &mut text, MAX_WHOLE),
            None => Inflated::TooLarge,
        };
        match inflated {
            Inflated::Whole { len, trailing } => {
                if trailing {
                    self.tally.problems.push(ProblemKind::TrailingData);
                }
                match &text[..len] {
                    [] => self.tally.problems.push(ProblemKind::Empty),
                    // Compressed twice, as some copies between buckets are.
                    twice @ [0x1f, 0x8b, 8, ..] => self.inner_stream(twice),
                    json @ [b'{', ..] => self.whole_text(json),
                    text => match of_beginning(text) {
                        Some(detail) => self.is_other_form(detail),
                        None => self.whole_text(text),
                    },
                }
            }
            Inflated::Broken => self.inner_stream(object),
            Inflated::TooLarge => {
                self.inner_stream(object);
                self.large();
            }
        }
        self.text = text;
    }

    /// A stream over bytes that are counted already.
    fn inner_stream(&mut self, bytes: &[u8]) {
        let counted = self.tally.coverage.bytes;
        self.stream(bytes);
        self.tally.coverage.bytes = counted;
    }

    fn large(&mut self) {
        let text_bytes = self.tally.coverage.text_bytes;
        self.tally.problems.push(ProblemKind::Large { text_bytes });
    }

    fn whole_text(&mut self, text: &[u8]) {
        self.tally.coverage.text_bytes += text.len() as u64;
        let wide = utf16(text);
        let text = wide.as_deref().unwrap_or(text);
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let Self { reader, tally, .. } = self;
        match native::scan(text, self.query, Tools { reader, tally }) {
            // That its last bracket is closed is looked at where there are records only.
            Ok(wanted) if tally.coverage.records > 0 || text.trim_ascii_end().ends_with(b"]}") => {
                self.hand_over(&wanted, text);
            }
            _ => {
                self.tally.forget_records();
                let mut splitter = Splitter::default();
                self.split(&mut splitter, text, true);
                self.judge(&splitter, text.trim_ascii_start().first().copied());
            }
        }
    }

    fn hand_over(&mut self, Wanted { records, changes }: &Wanted<'_>, text: &[u8]) {
        // Once it is seen nobody looks for it any more. Denials that are wanted are the role's.
        self.coverage.role_seen = self.coverage.role_seen
            || records.iter().any(EventRef::is_denial)
            || self.query.role_stands_in(text);
        self.found += (records.len() + changes.len()) as u64;
        for record in records {
            self.sink.record(record);
        }
        for change in changes {
            self.sink.change(change);
        }
    }

    fn split(&mut self, splitter: &mut Splitter, text: &[u8], last: bool) -> usize {
        let Self { query, sink, found, tally, coverage, .. } = self;
        splitter.split(text, last, |object| {
            let Some(value) = carrier::parse(object) else { return Outcome::Broken };
            let seen = carrier::for_each_record(&value, &mut |event| {
                tally.see_event(&event, query);
                coverage.role_seen = coverage.role_seen || query.is_about_role(&event);
                if query.accepts(&EventRef::from(&event)) {
                    *found += 1;
                    sink.event(event);
                }
            });
            tally.see_object(seen);
            tally.hinted = tally.hinted || seen == Seen::default() && speaks_of_events(object);
            if seen.records > 0 { Outcome::Records } else { Outcome::Nothing }
        })
    }

    /// What the slow way's outcome says about the file; `first` is its first letter.
    fn judge(&mut self, splitter: &Splitter, first: Option<u8>) {
        let Tally { coverage, carrier, foreign, digests, insights, unreadable, problems, .. } =
            &mut self.tally;
        let is_known = *carrier || splitter.carrier || *digests + *insights > 0;
        let looks_like_json = matches!(first, Some(b'{' | b'[' | b'"'));
        if coverage.records == 0 && !(is_known || *foreign || looks_like_json) {
            if problems.is_empty() {
                problems.push(if first.is_some() { ProblemKind::NotALog } else { ProblemKind::Empty });
            }
            return;
        }
        let compression_broke = problems.iter().any(ProblemKind::loses_records);
        let unreadable = splitter.unreadable + *unreadable;
        if unreadable > 0 {
            problems.push(ProblemKind::UnreadableRecords { count: unreadable });
        }
        if splitter.truncated && !compression_broke {
            problems.push(ProblemKind::Truncated);
        }
        if splitter.pages > splitter.open_pages {
            coverage.last_pages = coverage.regions.clone();
        }
        if splitter.open_pages > 0 {
            coverage.open_pages = coverage.regions.clone();
            if coverage.open_pages.is_empty() {
                coverage.open_pages.insert(String::new());
            }
            problems.push(ProblemKind::OpenPage);
        }
        let nothing = coverage.records == 0 && (*foreign || !is_known);
        if nothing && problems.is_empty() {
            problems.push(ProblemKind::NoRecords);
        }
    }

    /// Reads a source from front to end: compressed, maybe more than once, or in UTF-16.
    fn stream(&mut self, reader: impl Read) {
        let mut stream = TextStream::new(reader);
        let ended = self.layer(&mut stream, LAYERS);
        self.tally.coverage.bytes += stream.taken();
        self.tally.problems.append(&mut stream.problems);
        // Of a text that was left in its midst there is nothing more to say.
        if let Some((splitter, first)) = ended {
            self.judge(&splitter, first);
        }
    }

    /// Takes off what a text is still wrapped in. None when it was not read to the end.
    fn layer(&mut self, text: &mut dyn Read, layers: u8) -> Option<(Splitter, Option<u8>)> {
        let mut head = [0; 3];
        let len = fill(text, &mut head);
        let head = &head[..len];
        if layers > 0 && head == [0x1f, 0x8b, 8] {
            let mut inner = TextStream::new(head.chain(text));
            let ended = self.layer(&mut inner, layers - 1);
            self.tally.problems.append(&mut inner.problems);
            return ended;
        }
        let (mark, rest) = head.split_at(len.min(2));
        match Wide::of(mark, rest) {
            Some(_) => self.pieces(&mut Wide::of(mark, rest.chain(text))?),
            None => self.pieces(&mut head.chain(text)),
        }
    }

    /// Reads a text piece by piece. None when it was not read to the end.
    fn pieces(&mut self, text: &mut dyn Read) -> Option<(Splitter, Option<u8>)> {
        let mut splitter = Splitter::default();
        // What is held over is less than one object; the rest is room for the next piece.
        let mut buffer = vec![0; MAX_OBJECT + PIECE];
        let (mut held, mut first, mut barren) = (0, None, 0);
        loop {
            let len = fill(text, &mut buffer[held..held + PIECE]);
            self.tally.coverage.text_bytes += len as u64;
            let end = held + len;
            let cancelled = self.is_cancelled();
            let last = len < PIECE;
            first = first.or_else(|| buffer[..end].trim_ascii_start().first().copied());
            let before = self.tally.coverage.records;
            let used = self.split(&mut splitter, &buffer[..end], last && !cancelled);
            if cancelled {
                return None;
            }
            if last {
                return Some((splitter, first));
            }
            buffer.copy_within(used..end, 0);
            held = end - used;
            barren = if self.tally.coverage.records > before { 0 } else { barren + len as u64 };
            if barren > BARREN {
                let text_bytes = self.tally.coverage.text_bytes;
                self.tally.problems.push(ProblemKind::Bomb { text_bytes });
                return None;
            }
        }
    }

    fn is_cancelled(&mut self) -> bool {
        let cancelled = self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        self.coverage.interrupted |= cancelled;
        cancelled
    }
}

/// How much of a file came into the buffer.
enum Length {
    Whole(usize),
    /// The buffer is full and holds the beginning.
    Larger,
    /// What was found in a folder is no log.
    NotALog,
    /// What may hold records is in a form that is not read.
    OtherForm(&'static str),
}

/// Reads a file into a buffer that grows to [`MAX_WHOLE`]: no question for its size first, and
/// for most files one read that fills and one that finds the end.
fn read_whole(file: &mut File, input: &mut Vec<u8>, name: &str, given: Given) -> std::io::Result<Length> {
    let mut len = 0;
    loop {
        if len == input.len() {
            if len >= MAX_WHOLE {
                return Ok(Length::Larger);
            }
            input.resize((len * 2).max(READ), 0);
        }
        match file.read(&mut input[len..]) {
            Ok(more) => {
                // Most are in gzip, and then nothing else is asked.
                if len == 0 && !input[..more].starts_with(&[0x1f, 0x8b]) {
                    match form(name, &input[..more]) {
                        Form::Other(detail) => return Ok(Length::OtherForm(detail)),
                        Form::NoLog if given == Given::Found => return Ok(Length::NotALog),
                        Form::NoLog | Form::Log => {}
                    }
                }
                if more == 0 {
                    return Ok(Length::Whole(len));
                }
                len += more;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether JSON that holds no record speaks of events, in another form than is known: then it may be a log.
fn speaks_of_events(object: &[u8]) -> bool {
    let words = [
        &b"eventName"[..],
        b"EventName",
        b"eventname",
        b"event_name",
        b"eventVersion",
        b"eventSource",
        b"CloudTrailEvent",
    ];
    words.iter().any(|word| memchr::memmem::find(object, word).is_some())
}

/// Fills `out` as far as a text goes. The texts read here end where they cannot be read.
fn fill(text: &mut dyn Read, out: &mut [u8]) -> usize {
    let mut len = 0;
    while len < out.len() {
        match text.read(&mut out[len..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => len += more,
        }
    }
    len
}
